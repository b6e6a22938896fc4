"""What makes a file, and its name in its folder, survive a loss of power."""

import os


def sync_file(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# A folder is synced as a file is: it makes the names of the new files durable.
sync_folder = sync_file
