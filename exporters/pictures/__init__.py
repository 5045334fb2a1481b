"""Pictures as files: how they are turned, what their EXIF data tells, PNGs painted from shapes."""
