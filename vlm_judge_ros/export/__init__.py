"""Makes model folders: writes the ONNX graphs of an open vision-language model, and smaller variants of them.

Stands aside like the simulation: torch, transformers and onnx are imported only here.
"""
