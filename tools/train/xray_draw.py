"""Draw chests in the manner of radiographs: what a body absorbs of the rays, and how bright a film shows it.

A radiograph is bright where much is absorbed. Each part of the body therefore adds to, or takes from, one map of what
is absorbed, and the map is turned into brightness at the end, with an exposure and a contrast that vary. The anatomy is
schematic, its numbers were chosen by eye, and no picture shows a person. Coordinates run from -1 to 1, to the right and
downwards; the left of the patient is at the right of the picture, as radiographs are looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, map_coordinates, zoom

SIDE = 160
"""Height and width of a picture in pixels."""

Array = np.ndarray
Random = np.random.Generator


@dataclass(frozen=True)
class Patient:
    """Who is drawn, and how they stand. Lengths are in half widths of the picture."""

    x: Array  # [SIDE, SIDE], where each pixel lies in the body that was drawn
    y: Array
    chest: float  # half the width of the rib cage
    apex: float  # y of the top of the lungs
    domes: tuple[float, float]  # y of the top of the diaphragm, at the left and at the right of the picture
    heart: float  # half the width of the heart
    build: float  # how much soft tissue there is, 1 for the middle


def smooth(rng: Random, sigma: float) -> Array:
    """Return smooth noise [SIDE, SIDE] of mean 0 and standard deviation 1; sigma in pixels.

    Broad noise is drawn coarsely and enlarged, which takes a tenth of the time.
    """
    times = 4 if sigma > 8 else 1
    noise = gaussian_filter(rng.standard_normal((SIDE // times, SIDE // times), np.float32), sigma / times)
    noise = zoom(noise, times, order=1) if times > 1 else noise
    return (noise - noise.mean()) / noise.std()


def _step(distance: Array, width: float = 0.012) -> Array:
    """Return 1 where a distance is positive and 0 where it is negative, with an edge of about `width`."""
    return 1 / (1 + np.exp(np.clip(-distance / width * 2, -40, 40)))


def patient(rng: Random) -> Patient:
    """Return a random patient, a little turned, shifted and bent."""
    line = np.linspace(-1, 1, SIDE, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    turn, size = rng.normal(0, 0.025), rng.uniform(0.88, 1.02)
    x, y = (x * np.cos(turn) - y * np.sin(turn)) / size, (x * np.sin(turn) + y * np.cos(turn)) / size
    x = x - rng.normal(0, 0.03) + 0.012 * smooth(rng, 24)
    y = y - rng.normal(0, 0.04) + 0.012 * smooth(rng, 24)
    dome = rng.uniform(0.36, 0.56)
    return Patient(
        x,
        y,
        chest=rng.uniform(0.70, 0.79),
        apex=rng.uniform(-0.82, -0.74),
        domes=(dome - rng.uniform(0.02, 0.07), dome),
        heart=rng.uniform(0.20, 0.34),
        build=rng.uniform(0.85, 1.15),
    )


def _cage(p: Patient) -> Array:
    """Return the half width of the rib cage at the height of each pixel."""
    t = np.clip((p.y - p.apex) / (0.95 - p.apex), 0, 1)
    return p.chest * (1 - (1 - np.minimum(t * 1.7, 1)) ** 2.6) ** 0.62 * (1 + 0.08 * t)


def body(p: Patient) -> Array:
    """Return the soft tissue of trunk, neck, shoulders and arms, about 0..1."""
    across = np.abs(p.x)
    trunk = p.chest + 0.15 * p.build - 0.10 * np.exp(-(((p.y - 0.7) / 0.4) ** 2))
    shoulder = -0.84 + 0.30 * np.clip((across - 0.16) / 0.85, 0, 1) ** 1.3
    neck = 0.24 + 0.25 * np.clip((p.y + 0.95) / 0.3, 0, 1) ** 2
    upper = np.maximum(_step(p.y - shoulder, 0.03), _step(neck - across, 0.03))
    sides = _step(trunk - across, 0.03)
    arm = _step(0.16 * p.build - np.abs(across - 1.04 - 0.10 * (p.y + 0.4)), 0.03)
    pit = _step(0.02 + 0.25 * (across - 0.8) - (p.y + 0.15), 0.05)  # above it shoulder and trunk are one
    inside = upper * np.maximum(np.maximum(sides, arm), pit)
    chord = np.sqrt(np.clip(1 - (across / (trunk + 0.30)) ** 2, 0.05, 1))
    return inside * (0.40 + 0.42 * chord) * (0.94 + 0.06 * p.build)


def lungs(p: Patient) -> tuple[Array, Array]:
    """Return where the lungs are, 0..1, and how deep the air in them is, 0..1; both [SIDE, SIDE]."""
    across = np.abs(p.x)
    right = p.x > 0  # of the picture
    outside = _cage(p) - 0.03 - across
    middle = across - (0.115 + 0.03 * np.clip(p.y, -1, 1) + 0.02 * np.sin(9 * p.y))
    top = np.where(right, p.domes[1], p.domes[0])
    u = (across - 0.36) / 0.40
    floor = top + 0.10 * u**2 + 0.22 * np.clip(u, 0, None) ** 3
    field = _step(outside) * _step(middle) * _step(floor - p.y)
    near = np.clip(np.minimum(outside, middle), 0, None)
    depth = np.clip(near / 0.30, 0, 1) ** 0.45 * (0.82 + 0.18 * np.clip((floor - p.y) / 0.3, 0, 1))
    return field, field * depth


def heart(p: Patient) -> Array:
    """Return heart, great vessels and the arch of the aorta, 0..1."""
    size = p.heart
    x, y = p.x - 0.40 * size - 0.01, p.y - p.domes[1] + 0.58 * size
    along, aside = 0.77 * x + 0.64 * y, 0.77 * y - 0.64 * x  # its long axis points down, and to the left of the patient
    main = _step(1 - np.hypot(along / (1.22 * size), aside / (0.80 * size)), 0.05)
    atrium = _step(1 - np.hypot((p.x + 0.08) / 0.14, (p.y - p.domes[1] + 0.26) / 0.24), 0.08)
    arch = _step(1 - np.hypot((p.x - 0.08) / 0.10, (p.y + 0.36) / 0.11), 0.12)
    stem = _step(1 - np.hypot((p.x - 0.08) / 0.14, (p.y + 0.12) / 0.26), 0.12)
    return np.maximum.reduce([main, atrium, 0.9 * arch, 0.8 * stem])


def _tube(distance: Array, radius: Array | float) -> Array:
    """Return what a hollow bone absorbs at a distance from its middle line: most at its rims."""
    r = np.abs(distance) / radius
    outer, inner = np.sqrt(np.clip(1 - r**2, 0, 1)), np.sqrt(np.clip(0.62 - r**2, 0, 1))
    return outer - 0.72 * inner


def ribs(p: Patient, rng: Random) -> Array:
    """Return the ribs: rings around the chest that hang forward, so that each is seen at the back and at the front."""
    total = np.zeros_like(p.x)
    across, cage = np.abs(p.x), _cage(p)[:, 0]
    start, pitch = p.apex + rng.uniform(0.03, 0.06), rng.uniform(0.128, 0.145)
    for i in range(10):
        y0 = start + pitch * i
        half = max(float(np.interp(y0 + 0.12, p.y[:, 0], cage)), 0.30) + 0.012
        drop = 0.12 + 0.022 * min(i, 6)
        u, v = across / half, (p.y - y0 - drop + 0.05 * np.exp(-((across / 0.2) ** 2))) / drop
        f = np.hypot(u, v) + 1e-6
        slope = np.hypot(u / half, v / drop) / f + 1e-6
        radius = 0.033 + 0.004 * np.sin(2 * i)
        ring = _tube((f - 1) / slope, radius)
        back = _step(0.02 - v, 0.1) * _step(across - 0.06, 0.03)
        front = 0.62 * _step(v - 0.02, 0.1) * _step(u - 0.42 - 0.02 * i, 0.06) * (i < 8)
        total += ring * (back + front) * (0.5 if i in (0, 9) else 1.0)
    return total


def bones(p: Patient, rng: Random) -> Array:
    """Return spine, collar bones, shoulder blades and upper arms."""
    across = np.abs(p.x)
    beat = 0.5 + 0.5 * np.cos(2 * np.pi * p.y / 0.125 + rng.uniform(0, 6))
    spine = _step(0.085 - across, 0.02) * (0.7 + 0.3 * beat) + 0.25 * _step(0.13 - across, 0.02) * beat
    rise = rng.uniform(0.10, 0.20)
    curve = p.apex + 0.20 - rise * np.clip((across - 0.07) / 0.6, 0, 1.2) - 0.03 * np.sin((across - 0.07) * 9)
    collar = _tube(p.y - curve, 0.034 + 0.012 * np.exp(-((across - 0.1) ** 2) / 0.01))
    collar *= _step(across - 0.075, 0.015) * _step(0.72 - across, 0.02)
    edge = across - (0.70 + 0.10 * np.clip((p.y + 0.55) / 0.6, 0, 1) ** 0.5 * (0.4 - p.y) * 1.2)
    blade = _step(edge, 0.02) * _step(0.17 - edge, 0.08) * _step(p.y + 0.62, 0.05) * _step(0.02 - p.y, 0.08)
    rim = np.exp(-((edge / 0.016) ** 2)) * _step(p.y + 0.5, 0.05) * _step(0.02 - p.y, 0.05)
    head = _step(1 - np.hypot((across - 0.93) / 0.10, (p.y - p.apex - 0.22) / 0.11), 0.15)
    shaft = _tube(across - 1.02 - 0.10 * (p.y + 0.4), 0.06) * _step(p.y + 0.5, 0.05)
    return 0.55 * spine + 1.15 * collar + 0.35 * blade + 0.6 * rim + 0.5 * head + 0.6 * shaft


def _grow(draw: ImageDraw.ImageDraw, rng: Random, at: Array, angle: Array, width: float) -> None:
    """Draw vessels that wind, and split in two after each stretch, each part thinner. at: [n, 2]; angle: [n]."""
    length = 13.0 * width
    while width > 0.9:
        for _ in range(3):
            angle = angle + rng.normal(0, 0.26, len(angle))
            end = at + length / 3 * rng.uniform(0.7, 1.2, (len(at), 1)) * np.stack([np.cos(angle), np.sin(angle)], 1)
            for line in np.concatenate([at, end], 1).tolist():
                draw.line(line, fill=int(60 + 45 * width), width=round(width))
            at = end
        spread = rng.uniform(0.2, 0.6, len(angle))
        at, angle = np.concatenate([at, at]), np.concatenate([angle + spread, angle - 0.7 * spread])
        length, width = 0.80 * length, 0.76 * width


def vessels(p: Patient, rng: Random) -> Array:
    """Return the vessels of the lungs, which branch from both hila and thin out, 0..1."""
    scale = 3
    sheet = Image.new("L", (SIDE * scale, SIDE * scale))
    draw = ImageDraw.Draw(sheet)
    for side in (-1, 1):
        root = np.array([0.5 + side * 0.085, 0.47]) * SIDE * scale + rng.normal(0, 7, (7, 2))
        angle = np.linspace(-1.3, 1.3, 7) + rng.normal(0, 0.15, 7)
        _grow(draw, rng, root, angle if side > 0 else np.pi - angle, rng.uniform(3.6, 4.6))
    drawn = np.asarray(sheet.reduce(scale), np.float32) / 255
    place = [(p.y + 1) * (SIDE - 1) / 2, (p.x + 1) * (SIDE - 1) / 2]
    drawn = map_coordinates(drawn, place, order=1, mode="nearest")
    hilum = np.exp(-(((np.abs(p.x) - 0.16) / 0.07) ** 2 + ((p.y + 0.05) / 0.13) ** 2))
    return gaussian_filter(drawn, 0.6) + 0.42 * hilum


def airway(p: Patient) -> Array:
    """Return the windpipe and where it splits, 0..1."""
    across = np.abs(p.x + 0.01)
    pipe = _step(0.045 - across, 0.02) * _step(-0.28 - p.y, 0.05)
    fork = _step(0.03 - np.abs(p.y + 0.26 - 0.9 * across), 0.02) * _step(0.17 - across, 0.03) * _step(p.y + 0.30, 0.03)
    return np.maximum(pipe, 0.6 * fork)


def absorbed(p: Patient, rng: Random) -> tuple[Array, Array]:
    """Return what is absorbed on the way to each pixel, about 0..1.3, and where the air of the lungs is seen, 0..1."""
    soft = body(p)
    field, depth = lungs(p)
    organ = heart(p)
    air = depth * (1 - organ)
    seen = field * (1 - organ)
    level = soft + 0.06 * organ * _step(p.domes[1] + 0.05 - p.y, 0.1)
    level = level - (0.56 - 0.04 * p.build) * air - 0.16 * airway(p)
    below = np.clip(soft, 0, 1) * (1 - field) * _step(p.y - p.domes[0], 0.08)
    level = level + 0.20 * below * p.build
    gas = np.exp(-(((p.x - 0.33) / 0.10) ** 2 + ((p.y - p.domes[1] - 0.14) / 0.045) ** 2))
    level = level - rng.uniform(0, 0.18) * gas * (1 + 0.4 * smooth(rng, 3))
    breast = np.exp(-(((np.abs(p.x) - 0.42) / 0.26) ** 4 + ((p.y - 0.28) / 0.24) ** 4))
    level = level + rng.choice([0, 0.05, 0.09]) * breast * field
    level = level + 0.15 * ribs(p, rng) * np.clip(soft * 1.6, 0, 1) * (1 - 0.45 * organ)
    level = level + 0.15 * bones(p, rng) * np.clip(soft * 1.6, 0, 1)
    level = level + 0.17 * vessels(p, rng) * seen + 0.012 * smooth(rng, 1.2) * seen
    return level + 0.02 * smooth(rng, 14) * soft, seen


def film(level: Array, rng: Random) -> Array:
    """Return how bright each pixel is shown, 0..1, for what is absorbed: exposure, contrast, blur and quantum noise."""
    steepness, middle = rng.uniform(3.6, 4.6), rng.uniform(0.60, 0.70)
    level = gaussian_filter(level, rng.uniform(0.35, 0.6))
    shown = 1 / (1 + np.exp(-steepness * (level - middle)))
    shown = (shown - 0.08) / 0.80
    grain = rng.uniform(0.006, 0.014)
    shown = shown + grain * gaussian_filter(rng.standard_normal(level.shape, np.float32), 0.5) * 1.5
    return np.clip(shown, 0, 1)


def levels(brightness: Array, bits: int = 8) -> Array:
    """Return brightness of 0..1 as whole numbers of so many bits: uint8 for up to 8, uint16 for more."""
    return np.rint(brightness * (2**bits - 1)).astype(np.uint8 if bits <= 8 else np.uint16)
