"""Tables larger than memory: partitions and files that are cut on Dask."""
