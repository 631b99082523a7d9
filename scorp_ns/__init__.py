"""scorp: complete objects in Gaussian scenes, as a nerfstudio method. Importing this loads nothing heavy."""

import sys

from scorp_ns.old_paths import OldPaths

__version__ = "0.1.0"

sys.meta_path.insert(0, OldPaths())
