//! Settings whose documentation can be asked for, so that the samples are made from the types.

/// Declares a struct of settings with their defaults, and keeps their documentation in `SETTINGS`.
///
/// The struct refuses unknown keys, is written in lowerCamelCase, and every absent key has its default.
macro_rules! documented {
    (
        $(#[doc = $about:literal])*
        pub struct $name:ident {
            $( $(#[doc = $doc:literal])+ pub $field:ident : $kind:ty = $default:expr, )+
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
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
            pub const SETTINGS: &'static [cartulary_blobs::Setting] = &[
                $( cartulary_blobs::Setting { name: stringify!($field), doc: &[ $( $doc ),+ ] }, )+
            ];
        }
    };
}

pub(crate) use documented;
