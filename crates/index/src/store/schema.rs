//! The fields of an entry, fixed when an index is created.

use tantivy::schema::{
    Field, IndexRecordOption, JsonObjectOptions, NumericOptions, STORED, STRING, Schema, SchemaBuilder,
    TextFieldIndexing, TextOptions,
};
use tantivy::store::{Compressor, ZstdCompressor};
use tantivy::{IndexSettings, TantivyError};

use crate::text::language::Stemmed;
use crate::text::tokenizers;

/// Version of fields, tokenizers and stored forms together. An index of another version is rebuilt.
pub const SCHEMA_VERSION: u32 = 2;

/// Names of the fast fields that are read by name.
pub(crate) mod names {
    pub(crate) const OBJECT_NO: &str = "object_no";
    pub(crate) const CHANGE: &str = "change";
    pub(crate) const SCOPE: &str = "scope";
    pub(crate) const PAST_OF: &str = "past_of";
    pub(crate) const STANDS_FOR: &str = "stands_for";
    pub(crate) const TYPE_ID: &str = "type_id";
    pub(crate) const MEDIA_TYPE: &str = "media_type";
    pub(crate) const CREATED: &str = "created";
    pub(crate) const MODIFIED: &str = "modified";
    pub(crate) const YEAR: &str = "year";
    pub(crate) const NAME_KEY: &str = "name_key";
    pub(crate) const PROPERTIES: &str = "properties";
}

/// Handles of all fields.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    pub(crate) object_no: Field,
    pub(crate) change: Field,
    pub(crate) scope: Field,
    /// Set, and true, in the entries of versions only.
    pub(crate) past: Field,
    pub(crate) past_of: Field,
    pub(crate) stands_for: Field,
    pub(crate) folder: Field,
    /// The dossier and every other folder above, one value each.
    pub(crate) above: Field,
    pub(crate) type_id: Field,
    pub(crate) type_words: Field,
    pub(crate) media_type: Field,
    pub(crate) created: Field,
    pub(crate) modified: Field,
    pub(crate) year: Field,
    pub(crate) name_key: Field,
    pub(crate) name: Field,
    pub(crate) title: Field,
    /// Name, title, text of the properties and all pages: every word of the entry, folded.
    pub(crate) text: Field,
    /// The same words and positions, stemmed, one field per language.
    pub(crate) stems: [Field; 7],
    pub(crate) properties: Field,
    pub(crate) layout: Field,
    pub(crate) body: Field,
}

impl Fields {
    /// The field of the stems of a language.
    pub(crate) fn stem(&self, language: Stemmed) -> Field {
        self.stems.get(language.ordinal()).copied().unwrap_or(self.text)
    }

    /// Finds the fields in the schema of an opened index.
    pub(crate) fn find(schema: &Schema) -> Result<Self, TantivyError> {
        let field = |name: &str| schema.get_field(name);
        let mut stems = [field("text")?; 7];
        for (slot, language) in stems.iter_mut().zip(Stemmed::ALL) {
            *slot = field(&stem_field(language))?;
        }
        Ok(Self {
            object_no: field(names::OBJECT_NO)?,
            change: field(names::CHANGE)?,
            scope: field(names::SCOPE)?,
            past: field("past")?,
            past_of: field(names::PAST_OF)?,
            stands_for: field(names::STANDS_FOR)?,
            folder: field("folder")?,
            above: field("above")?,
            type_id: field(names::TYPE_ID)?,
            type_words: field("type_words")?,
            media_type: field(names::MEDIA_TYPE)?,
            created: field(names::CREATED)?,
            modified: field(names::MODIFIED)?,
            year: field(names::YEAR)?,
            name_key: field(names::NAME_KEY)?,
            name: field("name")?,
            title: field("title")?,
            text: field("text")?,
            stems,
            properties: field(names::PROPERTIES)?,
            layout: field("layout")?,
            body: field("body")?,
        })
    }
}

fn stem_field(language: Stemmed) -> String {
    format!("text_{}", language.code())
}

/// The schema of this version.
pub(crate) fn schema() -> Schema {
    let mut builder = SchemaBuilder::default();
    let fast = || NumericOptions::default().set_fast();
    builder.add_i64_field(names::OBJECT_NO, fast().set_indexed());
    builder.add_i64_field(names::CHANGE, fast());
    builder.add_i64_field(names::SCOPE, fast());
    builder.add_bool_field("past", NumericOptions::default().set_indexed());
    builder.add_i64_field(names::PAST_OF, fast().set_indexed());
    builder.add_i64_field(names::STANDS_FOR, fast());
    builder.add_bool_field("folder", fast());
    builder.add_i64_field("above", NumericOptions::default().set_indexed());
    builder.add_text_field(names::TYPE_ID, STRING.set_fast("raw"));
    builder.add_text_field("type_words", words(tokenizers::FOLDED, IndexRecordOption::WithFreqsAndPositions));
    builder.add_text_field(names::MEDIA_TYPE, STRING.set_fast("raw"));
    builder.add_i64_field(names::CREATED, fast());
    builder.add_i64_field(names::MODIFIED, fast());
    builder.add_i64_field(names::YEAR, fast());
    builder.add_text_field(names::NAME_KEY, TextOptions::default().set_fast(tokenizers::ORDERED));
    for field in ["name", "title", "text"] {
        builder.add_text_field(field, words(tokenizers::FOLDED, IndexRecordOption::WithFreqsAndPositions));
    }
    for language in Stemmed::ALL {
        let tokenizer = tokenizers::stem_tokenizer(language);
        builder.add_text_field(&stem_field(language), words(&tokenizer, IndexRecordOption::WithFreqsAndPositions));
    }
    // One typed field for all declared properties: a new type needs no new schema.
    let property_words =
        TextFieldIndexing::default().set_tokenizer(tokenizers::FOLDED).set_index_option(IndexRecordOption::Basic);
    let properties = JsonObjectOptions::default().set_indexing_options(property_words).set_fast(tokenizers::ORDERED);
    builder.add_json_field(names::PROPERTIES, properties);
    builder.add_bytes_field("layout", STORED);
    builder.add_bytes_field("body", STORED);
    builder.build()
}

fn words(tokenizer: &str, option: IndexRecordOption) -> TextOptions {
    let indexing = TextFieldIndexing::default().set_tokenizer(tokenizer).set_index_option(option);
    TextOptions::default().set_indexing_options(indexing)
}

/// The settings of the engine: stored text is compressed, by the thread that writes it.
pub(crate) fn settings() -> IndexSettings {
    IndexSettings {
        docstore_compression: Compressor::Zstd(ZstdCompressor { compression_level: Some(3) }),
        docstore_compress_dedicated_thread: false,
        ..IndexSettings::default()
    }
}

/// The year of an instant in the UTC calendar, held between 0 and 9999.
pub(crate) fn year_of(instant_ms: i64) -> i64 {
    const MS_PER_DAY: i64 = 86_400_000;
    // Howard Hinnant, "chrono-compatible low-level date algorithms", civil_from_days.
    let days = instant_ms.div_euclid(MS_PER_DAY) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let year = year_of_era + era * 400 + i64::from(month_from_march >= 10);
    year.clamp(0, 9999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_turn_at_midnight_utc() {
        for (instant_ms, expect) in [
            (0, 1970),
            (-1, 1969),
            (1_735_689_599_999, 2024),
            (1_735_689_600_000, 2025),
            (951_782_400_000, 2000),
            (i64::MIN, 0),
            (i64::MAX, 9999),
        ] {
            assert_eq!(year_of(instant_ms), expect, "{instant_ms}");
        }
    }
}
