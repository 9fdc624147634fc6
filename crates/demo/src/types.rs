//! The types of the demonstration office.

use cartulary_model::TypeFile;

const OFFICE: &str = include_str!("../../../schema/demo/types/office.toml");

/// Returns the types and facets.
#[expect(clippy::expect_used, reason = "the file is compiled in, and a test parses it")]
pub fn types() -> TypeFile {
    TypeFile::parse(OFFICE).expect("the types of this crate parse")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_has_an_arabic_name() {
        for property in types().types.iter().flat_map(|one| &one.properties) {
            for choice in &property.choices {
                let arabic = property.choice_labels.get(choice).and_then(|labels| labels.get("ar"));
                assert!(arabic.is_some_and(|words| !words.is_ascii()), "{} {choice}", property.id);
            }
        }
    }

    #[test]
    fn an_arabic_reader_reads_arabic_names() {
        for one in types().types {
            let of_properties = one.properties.iter().map(|property| (&property.id, &property.labels));
            for (id, labels) in of_properties.chain([(&one.id, &one.labels)]) {
                let arabic = labels.get("ar").map(String::as_str).unwrap_or_default();
                assert!(arabic.chars().any(|letter| ('\u{600}'..='\u{6ff}').contains(&letter)), "{id}: {arabic:?}");
            }
        }
    }
}
