"""What a source publishes, and what is in it: files become batches of typed rows and rejected rows."""
