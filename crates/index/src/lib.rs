//! Full text: schema, analyzers, query, snippets, rebuild.
