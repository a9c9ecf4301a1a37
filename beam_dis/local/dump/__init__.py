"""Dump tasks at work: the records of streams become objects in the buckets of an object store.

A flush copies what a task has not copied yet. It consists of runs: a run is a range of one partition's numbers, and the objects
that are made of it.

Promises:

1. An object is whole or not there. It is written under a temporary name outside of the buckets and flushed to disk; then it is
   renamed, and its folder is flushed.
2. An object has records of one partition, in the order of their numbers. Its name is made of the task's id, the partition, and
   the first and the last number, so that no two objects have one name and different bytes.
3. A run is committed to the store when its temporary files are on disk, before the first of them is renamed. After a crash that
   run is finished, and no other is begun: files that still have temporary names are renamed. Files that are lost are made again
   of the same records.
4. The position of a task moves when the objects are on disk. So each record after the first position is in one object of the
   task, or it is counted as discarded: it had expired before the flush, or it didn't fit the schema of a parquet file.
5. A flush is due at each interval after the task's start, by the server's clock. When the clock is advanced, the flushes that are
   due by then happen before anything expires. A partition is flushed earlier when it has the task's size of new data.
6. Stopping and deleting a task flush nothing. A deleted task leaves no temporary file.
7. A task whose objects can't be written is ABNORMAL, and tried again at each interval. One whose bucket is missing or refused
   is in ERROR until it is started again. No task keeps another one from working.
8. No call waits for a flush, except the one that advances the clock. Flushes run in one thread and hold one page of records.
"""
