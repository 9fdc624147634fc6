//! Settings whose documentation can be asked for, so that sample configurations are made from the types.

/// One setting of a configuration type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The name of the field in Rust; in a file it is written in lowerCamelCase (see [`Setting::key`]).
    pub name: &'static str,
    /// The lines of its documentation, each with a leading space.
    pub doc: &'static [&'static str],
}

impl Setting {
    /// Returns the name as it is written in a configuration file: lowerCamelCase.
    pub fn key(&self) -> String {
        let mut key = String::with_capacity(self.name.len());
        let mut words = self.name.split('_');
        key.push_str(words.next().unwrap_or_default());
        for word in words {
            let mut letters = word.chars();
            key.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
            key.push_str(letters.as_str());
        }
        key
    }
}

/// Declares a struct of settings with their defaults, and keeps their documentation in `SETTINGS`.
macro_rules! documented_settings {
    (
        $(#[doc = $about:literal])*
        pub struct $name:ident {
            $( $(#[doc = $doc:literal])+ pub $field:ident : $kind:ty = $default:expr, )+
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, default, rename_all = "camelCase")]
        pub struct $name {
            $( $(#[doc = $doc])+ pub $field: $kind, )+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default, )+ }
            }
        }

        impl $name {
            /// The settings with their documentation, in the order in which they are declared.
            pub const SETTINGS: &'static [$crate::Setting] = &[
                $( $crate::Setting { name: stringify!($field), doc: &[ $( $doc ),+ ] }, )+
            ];
        }
    };
}

pub(crate) use documented_settings;
