"""Images, texts and sounds in files, and data sets of folders."""
