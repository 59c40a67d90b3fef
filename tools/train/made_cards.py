"""What the cards of the classifiers of made-up reviews and of drawn sounds say."""

import reviews_data
import sounds_data

OWN = "Data and weights were made by this project alone and carry its own licence."

DATA = {
    "reviews": (
        "Reviews that a program makes of templates: `tools/train/reviews_data.py` puts an opener, a subject, a verb, "
        'an adverb, an adjective and a closer together, and a negation in half of them: "honestly the food was not '
        'very good on monday". A review is positive where its adjective is good and not negated, or bad and negated; '
        "every other word says nothing. Nobody wrote them, and **the model knows nothing of real reviews.** "
        f"{reviews_data.SIZES[reviews_data.TRAIN]} sentences to train on, and those of "
        f"{reviews_data.SIZES[reviews_data.HELD_OUT]} others that are not among them held out; each is made from a "
        "number of its own."
    ),
    "sounds": (
        "Sounds that a program draws: `tools/train/sounds_data.py` puts a tone, a chirp (a tone that rises or falls), "
        "a burst of noise or a click at a random time into half a second of faint noise. Nothing was recorded, and "
        "**the model is of no use on real sounds.** "
        f"{sounds_data.SIZES[sounds_data.TRAIN]} sounds to train on, {sounds_data.SIZES[sounds_data.HELD_OUT]} held "
        "out; each is drawn from a number of its own, so that it can be drawn again."
    ),
}

INPUT = {
    "reviews": (
        "int64 [N, tokens], the ids of `reviews.tokenizer.json` with [CLS] before and [SEP] behind the words, one "
        "token a word, up to 24 in all; and `attention_mask`, int64 [N, tokens], 1 for each token and 0 for padding, "
        "whose id is 0."
    ),
    "sounds": (
        f"float32 [N, {sounds_data.LENGTH}]: half a second, {sounds_data.RATE} samples a second, in [-1, 1). "
        "`sounds/chirp.wav`, of 8 bits, is held out; `sounds/events.json` says where the chirp begins and ends in "
        "it, in samples."
    ),
}
