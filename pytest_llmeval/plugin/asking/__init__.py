"""How tests ask the fixture llm: images they give it, and fixtures of wider scope that share its answers."""
