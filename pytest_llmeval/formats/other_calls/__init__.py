"""Calls of models whose answers are nobody's to judge: embeddings, rerankings, images, speech, counted tokens."""
