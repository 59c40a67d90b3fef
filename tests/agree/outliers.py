"""The nodes of the real models where the rounding of a float32 forward turns a decision, as these inputs have it.

File -> node -> what is decided there: "tie" two elements of a window are equal but for rounding, "kink" an activation
is 0 but for rounding, "denominator" relevance is divided by sums, or a multiplier by a difference, that is nearly 0.
`check` finds the node, and proves the reason. Where a CPU rounds otherwise, another node may want a name here.
"""

from __future__ import annotations

NAMED = {
    "exported/cifar10_resnet20-ts13": {"/layer3/layer3.0/conv2/Conv": "denominator"},
    "exported/keras-fer2013_mini_xception": {"model_1/add_3/add": "denominator"},
    "exported/keras-squeezenet1.0-tf-nhwc": {
        "model_1/fire3_e3x3/Relu": "kink",
        "model_1/fire9_e1x1/BiasAdd": "denominator",
        "model_1/fire9_e1x1/Relu": "denominator",
        "model_1/max_pooling2d_4/MaxPool": "denominator",
    },
    "exported/mobilenetv2-fp32-ts12": {
        "/features/features.5/conv/conv.1/Clip": "kink",
        "/features/features.5/conv/conv.0/Conv": "denominator",
        "/features/features.2/conv/conv.2/Conv": "denominator",
        "/features/features.20/Clip": "denominator",
    },
    "exported/squeezenet1.1-fp32-dynamo18": {"node_max_pool2d": "tie"},
    "exported/squeezenet1.1-fp32-ts9": {"/features/features.2/MaxPool": "tie"},
    "exported/tflite-mobilenet_v1_0.25_128_quant-f32": {"Relu6__57": "denominator"},
    "real/face_antispoof_minifas": {
        "/conv_4/model/model.0/conv/conv/Conv": "denominator",
        "/conv_4/model/model.1/conv/prelu/PRelu": "denominator",
    },
    "real/ppocr_mobile_v2_cls": {"Conv_32": "denominator", "Add_3": "denominator", "MaxPool_0": "tie"},
    "real/squeezenet_fp16-winml": {
        "Relu fire6/expand3x3_2": "kink",
        "Conv fire6/expand3x3_1": "denominator",
        "Relu fire4/expand1x1_2": "denominator",
        "Relu fire4/expand3x3_2": "denominator",
    },
}
