"""Tables of recordings, from any data frame library: columns, recordings, labels."""
