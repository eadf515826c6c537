"""Export of trained networks to ONNX, OpenVINO and LiteRT, each checked against the original."""
