"""What the service is deployed with: the image's file, the services of KServe, and the configurations on its page.

No image is built and no cluster is asked here. Each instruction that names a file, a command or an address of the
service is held against what is there.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import onnx
import pytest
from docs.pages import FENCE
from nets import ROOT

DOCKER = ROOT / "tools" / "docker"
PAGE = (ROOT / "docs" / "serving.md").read_text()
PORT = 8080


def instructions(text):
    """The instructions of a Dockerfile: (name, arguments), with continued lines joined."""
    whole = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    return [(line.split()[0], " ".join(line.split()[1:])) for line in whole.splitlines() if line.strip()]


FILE = instructions((DOCKER / "Dockerfile").read_text())


def last(name):
    return [arguments for each, arguments in FILE if each == name][-1]


def copied():
    """The paths of the checkout that the image is made of."""
    own = [arguments.split() for each, arguments in FILE if each == "COPY" and "--from" not in arguments]
    return sorted({path for *paths, _ in own for path in paths})


def parsed(arguments):
    """The values that `onnxplain serve` reads of arguments; nothing is begun."""
    from onnxplain.cli.serve import serve

    return serve.make_context("serve", list(arguments)).params


def in_image(arguments):
    """The same of the arguments that stand behind the name of the image."""
    return parsed([*json.loads(last("ENTRYPOINT"))[2:], *arguments])


def fence(language):
    found = [m["text"] for m in FENCE.finditer(PAGE) if m["language"] == language]
    assert found, language
    return found


def services():
    yaml = pytest.importorskip("yaml", reason="PyYAML reads the services of KServe")
    return list(yaml.safe_load_all((DOCKER / "kserve.yaml").read_text()))


def containers():
    """The containers with this image: (their pod, the container)."""
    for service in services():
        for pod in service["spec"].values():
            yield from ((pod, each) for each in pod.get("containers", ()))


def test_the_image_is_made_of_files_that_are_there_and_not_ignored():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    kept = sorted(line[1:] for line in ignored if line.startswith("!"))
    assert "*" in ignored and kept == copied()
    assert all((ROOT / path).exists() for path in copied())
    # what the wheel is built from
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = build["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"], build["project"]["readme"], "pyproject.toml", "LICENSE"}
    assert needed <= set(copied())


def test_the_image_has_extras_that_there_are():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = dict(arguments.split("=", 1) for each, arguments in FILE if each == "ARG")["EXTRAS"].split(",")
    offered = re.findall(r"EXTRAS=([\w,]+)", PAGE)
    assert offered and {"cpu", "serve"} <= set(named)
    assert {*named, *",".join(offered).split(",")} <= set(extras)


def test_the_service_of_the_image_is_no_root_and_gets_signals_itself():
    user, _, group = last("USER").partition(":")
    assert int(user) > 0 and int(group) > 0
    assert json.loads(last("ENTRYPOINT"))[:2] == ["onnxplain", "serve"]  # a list, so that there is no shell between
    values = in_image(json.loads(last("CMD")))
    assert values["host"] == "0.0.0.0" and values["port"] == PORT == int(last("EXPOSE"))  # noqa: S104


def test_the_health_check_of_the_image_is_a_program_that_asks_its_own_port():
    program = json.loads(last("HEALTHCHECK").partition(" CMD ")[2])
    assert program[:3] == ["python", "-I", "-c"]
    compile(program[3], "HEALTHCHECK", "exec")
    assert f"http://127.0.0.1:{PORT}/v2/health/ready" in program[3]


@pytest.mark.parametrize("text", [PAGE, (DOCKER / "Dockerfile").read_text()], ids=["page", "file"])
def test_what_is_said_behind_the_name_of_the_image_is_understood(text):
    lines = re.findall(r"^ *docker run (?:.*\\\n)*.*", re.sub(r"^# ?", "", text, flags=re.MULTILINE), re.MULTILINE)
    assert lines
    for line in lines:
        words = shlex.split(line.replace("\\\n", " "))
        assert in_image(words[words.index("onnxplain") + 1 :])["models"], line


@pytest.mark.parametrize("page", ["README.md", "docs/serving.md"])
def test_commands_that_serve_are_understood_and_name_files_that_are_there(page):
    lines = re.findall(r"^onnxplain serve (?:.*\\\n)*.*", (ROOT / page).read_text(), re.MULTILINE)
    assert lines
    for line in lines:
        words = shlex.split(line.replace("\\\n", " "), comments=True)[2:]
        files = [word.rpartition("=")[2] for word in words if word.rpartition("=")[2].startswith("models/")]
        assert all((ROOT / file).exists() for file in files), line
        parsed(word for word in words if word != "--help")


def test_what_kserve_says_to_a_container_is_understood():
    for pod, container in containers():
        given = [str(each) for each in container["args"]]
        explainer = ["--model_name", "m", "--http_port", str(PORT), "--predictor_host", "m-predictor.default"]
        values = in_image([*given, *explainer] if pod_of(container) == "explainer" else given)
        assert values["no_token"] or values["token_file"]
        assert pod["terminationGracePeriodSeconds"] > values["seconds"]


def pod_of(container):
    return next(
        kind for each in services() for kind, pod in each["spec"].items() if container in pod.get("containers", ())
    )


def test_kserve_asks_addresses_of_the_service_and_lets_it_write_only_to_tmp():
    from onnxplain.serve import app

    known = app(ROOT / "models" / "wine_mlp_torch.onnx").openapi()["paths"]
    for pod, container in containers():
        for probe in ("readinessProbe", "livenessProbe"):
            asked = container[probe]["httpGet"]
            assert asked["path"] in known and asked["port"] == PORT
        assert container["securityContext"]["readOnlyRootFilesystem"] and container["securityContext"]["runAsNonRoot"]
        assert [each["mountPath"] for each in container["volumeMounts"]] == ["/tmp"]  # noqa: S108
        assert {each["name"] for each in container["volumeMounts"]} == {each["name"] for each in pod["volumes"]}


def test_the_services_of_kserve_have_the_fields_of_its_api():
    kserve = pytest.importorskip("kserve", reason="the classes of its API come with KServe's SDK")
    client = pytest.importorskip("kubernetes.client", reason="the classes of Kubernetes' API come with its client")

    def check(value, kind, where):
        inner = re.fullmatch(r"(list\[|dict[(\[]str, )(.+)[\])]", kind, re.IGNORECASE)
        if inner:
            parts = value.items() if inner[1].lower().startswith("dict") else enumerate(value)
            for name, part in parts:
                check(part, inner[2], f"{where}.{name}")
            return
        model = getattr(kserve, kind, None) or getattr(client, kind, None)
        if model is None:
            assert not isinstance(value, (dict, list)) or kind in ("object", "V1ObjectMeta"), (where, kind)
            return
        names = {theirs: ours for ours, theirs in model.attribute_map.items()}
        for name, part in value.items():
            assert name in names, f"{where}: {kind} has no {name}"
            check(part, model.openapi_types[names[name]], f"{where}.{name}")

    for service in services():
        assert (service["apiVersion"], service["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
        check(service, "V1beta1InferenceService", service["metadata"]["name"])


def test_the_model_of_triton_is_what_the_export_writes(tmp_path, monkeypatch):
    spec = importlib.util.find_spec("tritonclient")
    if spec is None:
        pytest.skip("the schema of Triton's configuration comes with its client")
    text_format = pytest.importorskip("google.protobuf.text_format")
    place = Path(spec.submodule_search_locations[0]) / "grpc" / "model_config_pb2.py"
    schema = importlib.util.module_from_spec(
        module := importlib.util.spec_from_file_location("model_config_pb2", place)
    )
    module.loader.exec_module(schema)
    (text,) = fence("protobuf")
    config = text_format.Parse(text, schema.ModelConfig())
    explained = exported(tmp_path)
    for stated, values in ((config.input, explained.graph.input), (config.output, explained.graph.output)):
        assert [each.name for each in stated] == [value.name for value in values]
        for each, value in zip(stated, values, strict=True):
            sizes = [size.dim_value for size in value.type.tensor_type.shape.dim][1:]
            assert list(each.reshape.shape if each.HasField("reshape") else each.dims) == sizes
            kind = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type).name
            assert schema.DataType.Name(each.data_type) == {"float32": "TYPE_FP32", "int64": "TYPE_INT64"}[kind]


def exported(folder):
    import onnxplain as ox

    path = folder / "model.onnx"
    (line,) = re.findall(r"^onnxplain export (\S+) \S+ -m (\S+)$", PAGE, re.MULTILINE)
    ox.export(ox.load(ROOT / line[0]), line[1], path)
    return onnx.load(path)


def test_the_deployments_of_other_libraries_are_python():
    """They run by hand, where Ray Serve and BentoML are installed."""
    assert [compile(text, "serving.md", "exec") for text in fence("py")]


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_the_configuration_of_nginx_is_one(tmp_path):
    (text,) = fence("nginx")
    subject = ["-subj", "/CN=explain.example.org", "-days", "1"]
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", *subject]
    subprocess.run(
        [*made, "-keyout", tmp_path / "explain.key", "-out", tmp_path / "explain.pem"],
        check=True,
        capture_output=True,
    )
    own = re.sub(r"/etc/ssl/(?:private/)?", f"{tmp_path}/", text)
    own = own.replace("listen 443 ssl", f"listen unix:{tmp_path}/socket ssl")  # the test binds what it reads
    temporary = "\n".join(
        f"{kind}_temp_path {tmp_path / kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}\n{own}}}\n"
    (tmp_path / "nginx.conf").write_text(whole)
    done = subprocess.run(
        ["nginx", "-t", "-p", tmp_path, "-e", "stderr", "-c", tmp_path / "nginx.conf"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("caddy") is None, reason="Caddy is not installed")
def test_the_configuration_of_caddy_is_one(tmp_path):
    (text,) = fence("caddy")
    (tmp_path / "Caddyfile").write_text(text)
    done = subprocess.run(
        ["caddy", "adapt", "--validate", "--config", tmp_path / "Caddyfile", "--adapter", "caddyfile"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
