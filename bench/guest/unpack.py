# Unpacks the library, which the module holds in an archive, into the directory /lib.
import sys
import zipfile

with zipfile.ZipFile(next(path for path in sys.path if path.endswith('.zip'))) as archive:
    archive.extractall('/lib')
