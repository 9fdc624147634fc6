//! What statements may not do to the office: each is answered, or refused in words, and nobody else waits for it.

use cartulary_repository::{BulkAct, NewBulkAction, QueryRequest, RepositoryError, Session};
use cartulary_tests::office::each_office;

const TYPES: &str = r#"
    [[types]]
    id = "test:paper"
    parent = "document"
    base = "document"
    label = "Paper"
    properties = [{ id = "test:text", label = "Text", kind = "string", indexed = true }]
"#;

async fn total(session: &Session, statement: &str) -> Result<u64, RepositoryError> {
    let request = QueryRequest { statement: statement.to_owned(), limit: 10, ..QueryRequest::default() };
    session.query(request).await.map(|result| result.total)
}

/// Where a statement is refused, and in which words.
async fn refusal(session: &Session, statement: &str) -> (usize, String) {
    match total(session, statement).await {
        Err(RepositoryError::InvalidStatement { position, detail }) => (position, detail),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_terms_were_too_deep_for_the_database() {
    each_office(async |office| {
        office.declare(TYPES).await;
        for name in ["n00000", "n00001"] {
            office.dossier(name).await;
        }
        let joined = |word: &str, term: &dyn Fn(usize) -> String| {
            (0..1_000).map(term).collect::<Vec<_>>().join(&format!(" {word} "))
        };
        let check = async |table: &str, condition: String, expect: u64| {
            let statement = format!("SELECT cmis:name FROM {table} WHERE {condition}");
            assert_eq!(total(&office.system, &statement).await.unwrap(), expect, "{}", &condition[..80]);
        };
        let name = |number: usize| format!("cmis:name='n{number:05}'");
        check("dossier", joined("OR", &name), 2).await;
        check("dossier", joined("AND", &|_| "cmis:name='n00001'".to_owned()), 1).await;
        check(
            "dossier",
            joined("OR", &|number| format!("cmis:creationDate > TIMESTAMP '2{number:03}-01-01T00:00:00Z'")),
            2,
        )
        .await;
        check("test:paper", joined("OR", &|number| format!("test:text LIKE 'n{number:05}%'")), 0).await;
        check("test:paper", joined("AND", &|number| format!("test:text > 'n{number:05}'")), 0).await;
        let act = BulkAct::AddFacet { facet: "confidential".to_owned(), properties: Default::default() };
        let statement = format!("SELECT cmis:name FROM dossier WHERE {}", joined("OR", &name));
        let new = NewBulkAction { statement, act, idempotency_key: None };
        let action = office.system.bulk_action_create(new).await.unwrap().value;
        crate::bulk::end(&office.system, &action).await;
        assert_eq!(office.system.bulk_action_get(&action.id).await.unwrap().done_count, 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_by_one_column_many_times_filled_the_memory() {
    each_office(async |office| {
        office.declare(TYPES).await;
        office.dossier("one").await;
        let again = "SELECT cmis:name FROM dossier ORDER BY cmis:name, cmis:name DESC";
        let (position, detail) = refusal(&office.system, again).await;
        assert_eq!((position, detail.contains("once")), (again.rfind("cmis:name").unwrap(), true), "{detail}");
        let renamed = "SELECT cmis:name AS n FROM dossier ORDER BY n, cmis:name";
        assert!(refusal(&office.system, renamed).await.1.contains("once"), "an alias is the same column");
        let columns = [
            "cmis:name",
            "cmis:objectId",
            "cmis:objectTypeId",
            "cmis:baseTypeId",
            "cartulary:title",
            "cartulary:state",
            "cmis:createdBy",
            "cmis:creationDate",
            "cmis:lastModifiedBy",
            "cmis:lastModificationDate",
            "cmis:changeToken",
            "cmis:versionSeriesId",
            "cmis:versionLabel",
            "cmis:isMajorVersion",
            "cmis:checkinComment",
            "cmis:contentStreamLength",
            "cmis:contentStreamMimeType",
        ];
        let ordered =
            |count: usize| format!("SELECT cmis:name FROM cmis:document ORDER BY {}", columns[..count].join(", "));
        assert_eq!(total(&office.system, &ordered(16)).await.unwrap(), 0);
        assert!(refusal(&office.system, &ordered(17)).await.1.contains("at most 16"));
        let both = "SELECT * FROM dossier AS a JOIN dossier AS b ON a.cmis:objectId = b.cmis:objectId \
                    ORDER BY a.cmis:name, b.cmis:name";
        assert_eq!(total(&office.system, both).await.unwrap(), 1, "two tables have two names");
    })
    .await;
}
