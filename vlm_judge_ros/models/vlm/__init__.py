"""Vision-language models from ONNX files, run on board."""
