from onnx import NodeProto
from onnx_graphsurgeon import Node

class OnnxExporter:
    @staticmethod
    def export_node(node: Node) -> NodeProto: ...
