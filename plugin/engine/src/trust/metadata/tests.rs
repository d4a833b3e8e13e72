use super::super::issuer::Host;
use super::*;

fn id(issuer: &str) -> IssuerId {
    IssuerId::parse(issuer).unwrap()
}

fn host(authority: &str, cluster: &str) -> Host {
    Host { authority: authority.to_owned(), cluster: cluster.to_owned() }
}

fn discovery(issuer: &str) -> Option<Discovery> {
    let more = vec![host("Keys.example:443", "keys")];
    Discovery::new(&id(issuer), host("idp.example", "idp"), more, &[Form::OAuth, Form::OpenId])
}

fn located(jwks_uri: &str) -> Result<(String, String, String), MetadataError> {
    let issuer = "https://idp.example";
    let text = format!(r#"{{"issuer":"{issuer}","jwks_uri":"{jwks_uri}","other":[1]}}"#);
    let endpoint = read(text.as_bytes(), &id(issuer), &discovery(issuer).unwrap())?;
    Ok((endpoint.cluster, endpoint.authority, endpoint.path))
}

#[test]
fn the_path_of_metadata_has_the_two_forms_of_its_standards() {
    for (issuer, oauth, openid) in [
        (
            "https://idp.example",
            "/.well-known/oauth-authorization-server",
            "/.well-known/openid-configuration",
        ),
        (
            "https://idp.example/",
            "/.well-known/oauth-authorization-server",
            "/.well-known/openid-configuration",
        ),
        (
            "https://idp.example/t/1",
            "/.well-known/oauth-authorization-server/t/1",
            "/t/1/.well-known/openid-configuration",
        ),
        (
            "https://idp.example:8443/t/",
            "/.well-known/oauth-authorization-server/t",
            "/t/.well-known/openid-configuration",
        ),
    ] {
        assert_eq!(path(&id(issuer), Form::OAuth).unwrap(), oauth);
        assert_eq!(path(&id(issuer), Form::OpenId).unwrap(), openid);
    }
    for issuer in ["idp", "urn:idp", "spiffe://td", "HTTPS://idp.example", "https://i.example/a?b"]
    {
        assert!(discovery(issuer).is_none(), "{issuer}");
    }
}

#[test]
fn keys_are_only_where_the_configuration_says_they_may_be() {
    let at = |cluster: &str, authority: &str, path: &str| {
        Ok((cluster.to_owned(), authority.to_owned(), path.to_owned()))
    };
    for (uri, expected) in [
        ("https://idp.example/jwks", at("idp", "idp.example", "/jwks")),
        ("https://IDP.example:443/jwks?v=2", at("idp", "idp.example", "/jwks?v=2")),
        ("https://keys.example/a/b", at("keys", "keys.example", "/a/b")),
        ("https://idp.example", at("idp", "idp.example", "/")),
        ("https://idp.example?x", at("idp", "idp.example", "/?x")),
    ] {
        assert_eq!(located(uri), expected, "{uri}");
    }
    for host in
        ["evil.example", "idp.example.evil", "idp.example:8443", "169.254.169.254", "a.idp.example"]
    {
        let found = located(&format!("https://{host}/jwks"));
        assert_eq!(found, Err(MetadataError::Host(host.to_owned())));
    }
    for uri in [
        "http://idp.example/jwks",
        "https://user@idp.example/jwks",
        "https://idp.example@evil.example/jwks",
        "https:///jwks",
        "//idp.example/jwks",
        "/jwks",
        "file:///etc/passwd",
        "https://idp.example/jwks#a",
        "https://idp.example/a b",
        "https://evil.example\\\\@idp.example/jwks",
        "https://idp.ex\\u00e4mple/jwks",
        "https://idp.example/jwks\\r\\nx: y",
        "",
    ] {
        assert_eq!(located(uri), Err(MetadataError::Location), "{uri}");
    }
    assert!(located(&format!("https://idp.example/{}", "a".repeat(2_048))).is_err());
}

#[test]
fn metadata_is_its_issuers_byte_for_byte_or_nobodys() {
    let issuer = id("https://idp.example");
    let discovery = discovery(issuer.as_str()).unwrap();
    for text in [
        r#"{"jwks_uri":"https://idp.example/jwks"}"#,
        r#"{"issuer":"https://idp.example/","jwks_uri":"https://idp.example/jwks"}"#,
        r#"{"issuer":"https://IDP.example","jwks_uri":"https://idp.example/jwks"}"#,
        r#"{"issuer":["https://idp.example"],"jwks_uri":"https://idp.example/jwks"}"#,
        r#"[]"#,
        r#""x""#,
    ] {
        assert_eq!(
            read(text.as_bytes(), &issuer, &discovery),
            Err(MetadataError::Issuer),
            "{text}"
        );
    }
    for text in
        [r#"{"issuer":"https://idp.example"}"#, r#"{"issuer":"https://idp.example","jwks_uri":1}"#]
    {
        assert_eq!(read(text.as_bytes(), &issuer, &discovery), Err(MetadataError::Location));
    }
    let long = format!(r#"{{"issuer":"https://idp.example"}}{}"#, " ".repeat(MAX_BYTES));
    let twice = r#"{"issuer":"https://evil.example","issuer":"https://idp.example"}"#;
    for text in ["", "<html>", twice, &long] {
        let found = read(text.as_bytes(), &issuer, &discovery);
        assert!(matches!(found, Err(MetadataError::Json(_))), "{found:?}");
    }
}
