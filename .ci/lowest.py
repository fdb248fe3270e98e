"""Print the lowest versions that pyproject.toml admits, as constraints for pip."""

import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
requirements = list(project["dependencies"])
for extra in project["optional-dependencies"].values():
    requirements += extra
print(*(line.replace(">=", "==") for line in requirements if ">=" in line), sep="\n")
