//! Defaults that several sections share, and whether a value is one of them: such a key is not written.

/// The default of keys that are 1 if they are left out.
pub(crate) fn one<T: From<u8>>() -> T {
    T::from(1u8)
}

/// Whether a value is that default.
pub(crate) fn is_one<T: From<u8> + PartialEq>(value: &T) -> bool {
    *value == one::<T>()
}

/// Whether a value is its type's default.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
