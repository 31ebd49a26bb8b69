"""What a report says, apart from how it looks: figures, words, pictures, the terminal's summary."""
