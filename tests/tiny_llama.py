"""llama.cpp's own HTTP server, with a tiny model made here: ``python tiny_llama.py FILE`` serves until its input ends.

A process of its own, because the modules of numpy cannot be loaded anew, as each session that is tested does.
"""

from __future__ import annotations

import sys
from pathlib import Path

import gguf
import numpy
import xllamacpp


def write_model(file: Path) -> None:
    """A llama of one layer whose weights are random, and whose words are bytes: it speaks nonsense."""
    random, width, inner, vocabulary = numpy.random.default_rng(0), 32, 64, 3 + 256
    model = gguf.GGUFWriter(file, "llama")
    model.add_context_length(256)
    model.add_embedding_length(width)
    model.add_block_count(1)
    model.add_feed_forward_length(inner)
    model.add_head_count(2)
    model.add_head_count_kv(2)
    model.add_layer_norm_rms_eps(1e-5)
    model.add_rope_dimension_count(width // 2)
    model.add_vocab_size(vocabulary)
    model.add_tokenizer_model("llama")
    model.add_token_list([b"<unk>", b"<s>", b"</s>", *(f"<0x{byte:02X}>".encode() for byte in range(256))])
    model.add_token_scores([0.0] * vocabulary)
    kinds = gguf.TokenType
    model.add_token_types([kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL, *[kinds.BYTE] * 256])
    model.add_unk_token_id(0)
    model.add_bos_token_id(1)
    model.add_eos_token_id(2)
    model.add_chat_template(
        "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    )
    shapes: dict[str, tuple[int, ...]] = {"token_embd": (vocabulary, width), "output": (vocabulary, width)}
    shapes |= {f"blk.0.attn_{name}": (width, width) for name in ("q", "k", "v", "output")}
    shapes |= {"blk.0.ffn_gate": (inner, width), "blk.0.ffn_up": (inner, width), "blk.0.ffn_down": (width, inner)}
    for name, shape in shapes.items():
        model.add_tensor(f"{name}.weight", random.standard_normal(shape).astype(numpy.float32))
    for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        model.add_tensor(f"{name}.weight", numpy.ones(width, numpy.float32))
    model.write_header_to_file()
    model.write_kv_data_to_file()
    model.write_tensors_to_file()
    model.close()


def main() -> None:
    """Write the model, serve it, say where."""
    file = Path(sys.argv[1])
    write_model(file)
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(file)
    parameters.port = 0
    parameters.n_ctx = 256
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = 1
    server = xllamacpp.Server(parameters)
    print("listening on", server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
