"""What formats share in reading answers: streamed pieces, usage, thoughts, tools that ran at the provider."""
