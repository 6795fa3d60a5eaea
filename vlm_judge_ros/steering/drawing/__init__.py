"""Paths drawn into pictures, for judges that see and cannot read numbers."""
