"""What self-supervised methods share: the base class, building one by its name, loading one from an export."""
