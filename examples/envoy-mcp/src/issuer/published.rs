//! A signed document that somebody else makes and this only hands out: whoever asks gets the file as it
//! is at that moment. Deliberately not here: any idea of what is in it.

use std::path::PathBuf;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// `GET /revocations`.
pub fn router(file: PathBuf) -> Router {
    Router::new().route("/revocations", get(document)).with_state(file)
}

async fn document(State(file): State<PathBuf>, headers: HeaderMap) -> Response {
    let Ok(bytes) = std::fs::read(&file) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(Sha256::digest(&bytes)));
    // RFC 9110 §13.1.2.
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known == tag.as_str());
    match known {
        true => (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response(),
        false => ([(header::ETAG, tag)], bytes).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_document_is_handed_out_as_it_is_now_and_once_per_version() {
        let file = std::env::temp_dir().join(format!("published-{}", std::process::id()));
        let ask = |headers: HeaderMap| document(State(file.clone()), headers);
        assert_eq!(ask(HeaderMap::new()).await.status(), StatusCode::NOT_FOUND);
        std::fs::write(&file, "one").unwrap();
        let first = ask(HeaderMap::new()).await;
        assert_eq!(first.status(), StatusCode::OK);
        let tag = first.headers().get(header::ETAG).unwrap().clone();
        let conditional = HeaderMap::from_iter([(header::IF_NONE_MATCH, tag)]);
        assert_eq!(ask(conditional.clone()).await.status(), StatusCode::NOT_MODIFIED);
        std::fs::write(&file, "two").unwrap();
        assert_eq!(ask(conditional).await.status(), StatusCode::OK);
        std::fs::remove_file(&file).unwrap();
    }
}
