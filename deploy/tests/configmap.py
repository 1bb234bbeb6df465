"""A mounted ConfigMap."""


class ConfigMap:
    """A folder that changes as kubelet changes it: everything is laid beside, and one link is swapped."""

    def __init__(self, folder):
        self.folder, self.version = folder, 0
        folder.mkdir(parents=True)

    def write(self, content):
        self.version += 1
        version = f"..version-{self.version}"
        (self.folder / version).mkdir()
        (self.folder / version / "config.yaml").write_text(content)
        (self.folder / "..data_tmp").symlink_to(version)
        (self.folder / "..data_tmp").replace(self.folder / "..data")
        if self.version == 1:
            (self.folder / "config.yaml").symlink_to("..data/config.yaml")
