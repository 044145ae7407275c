"""The vocabulary: messages, transcripts, conversations, events. Imports no other room."""
