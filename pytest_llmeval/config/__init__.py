"""What the table [tool.llmeval] says, and what models cost."""
