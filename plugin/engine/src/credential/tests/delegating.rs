//! Who acts for whom: DEL-1…6, ACT-1…7, threats D1…D5, D12.

use super::*;

fn actor(subject: &str) -> Value {
    json!({"iss": IDP, "sub": subject})
}

/// `act` objects within each other, the current actor first.
fn chain(subjects: &[&str]) -> Value {
    subjects.iter().rev().fold(Value::Null, |inner, subject| {
        let mut act = actor(subject);
        if !inner.is_null() {
            act["act"] = inner;
        }
        act
    })
}

fn acting(act: Value) -> Result<Rc<Verified>, Reason> {
    answer_to(|claims| claims["act"] = act)
}

fn id(subject: &str) -> PrincipalId {
    PrincipalId::parse(&format!("{IDP}#{subject}")).unwrap()
}

#[test]
fn the_outermost_actor_is_the_agent_and_the_others_came_before() {
    let actor = acting(chain(&["a", "b", "c"])).unwrap().actor.clone();
    assert_eq!(actor.agent, id("a"));
    let delegation = actor.delegation.unwrap();
    assert_eq!(delegation.delegator, id("dana"));
    assert_eq!(delegation.prior, [id("b"), id("c")]);
    assert_eq!(delegation.depth(), 3);
}

#[test]
fn a_client_with_its_own_token_acts_for_itself() {
    let answer = answer_to(|claims| {
        without(claims, "act");
        claims["sub"] = claims["client_id"].clone();
    });
    let actor = answer.unwrap().actor.clone();
    assert_eq!(actor, Actor { agent: id("refund-bot"), delegation: None });
}

#[test]
fn a_humans_token_without_an_actor_is_an_impersonation_and_says_of_whom() {
    let mut claims = claims();
    without(&mut claims, "act");
    let rejected = rejection(issuer(), &signed(&header(), &claims), at(NOW));
    assert_eq!(rejected.reason, Reason::Impersonation);
    assert_eq!(rejected.known.unwrap().subject, Some(id("dana")));
}

#[test]
fn may_act_is_no_delegation() {
    let answer = answer_to(|claims| {
        claims["may_act"] = claims["act"].clone();
        without(claims, "act");
    });
    assert_eq!(answer, Err(Reason::Impersonation));
}

#[test]
fn an_actor_is_an_object_with_a_subject_and_a_namespace() {
    let malformed = [
        json!(null),
        json!("refund-bot"),
        json!(["refund-bot"]),
        json!([actor("a")]),
        json!(1),
        json!(true),
        json!({}),
        json!({"sub": "a"}),
        json!({"iss": IDP}),
        json!({"iss": IDP, "sub": null}),
        json!({"iss": IDP, "sub": ["a"]}),
        json!({"iss": IDP, "sub": ""}),
        json!({"iss": IDP, "sub": "a\u{200b}"}),
        json!({"iss": null, "sub": "a"}),
        json!({"iss": [IDP], "sub": "a"}),
        json!({"iss": "", "sub": "a"}),
        json!({"iss": "a b", "sub": "a"}),
        json!({"client_id": "a", "iss": IDP}),
    ];
    for act in malformed {
        assert_eq!(acting(act.clone()), Err(Reason::DelegationMalformed), "{act}");
        let mut outer = actor("outer");
        outer["act"] = act.clone();
        assert_eq!(acting(outer), Err(Reason::DelegationMalformed), "inner {act}");
    }
}

#[test]
fn an_actor_without_namespace_belongs_to_the_issuer_only_where_configured() {
    let mut claims = claims();
    claims["act"] = json!({"sub": "refund-bot"});
    let token = signed(&header(), &claims);
    assert_eq!(rejection(issuer(), &token, at(NOW)).reason, Reason::DelegationMalformed);
    let same = Issuer { actor_issuer: ActorIssuer::Same, ..issuer() };
    assert_eq!(verify_for(same, &token, at(NOW)).unwrap().actor.agent, id("refund-bot"));
}

#[test]
fn an_issuer_does_not_speak_for_the_agents_of_another() {
    let foreign = json!({"iss": "https://other.example", "sub": "refund-bot"});
    assert_eq!(acting(foreign.clone()), Err(Reason::DelegationNotAllowed));
    let mut outer = actor("a");
    outer["act"] = foreign;
    assert_eq!(acting(outer), Err(Reason::DelegationNotAllowed));
}

#[test]
fn a_chain_is_as_long_as_its_issuer_may_make_it_and_never_cut_short() {
    let names: Vec<String> = (0..9).map(|n| format!("a{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(acting(chain(&names[..4])).unwrap().actor.delegation.as_ref().unwrap().depth(), 4);
    for depth in [5, 6, 9] {
        assert_eq!(acting(chain(&names[..depth])), Err(Reason::DelegationTooDeep), "{depth}");
    }
    let mut claims = claims();
    let longest = Issuer { max_delegation_depth: 8, ..issuer() };
    claims["act"] = chain(&names[..8]);
    assert!(verify_for(longest.clone(), &signed(&header(), &claims), at(NOW)).is_ok());
    claims["act"] = chain(&names);
    let rejected = rejection(longest, &signed(&header(), &claims), at(NOW));
    assert_eq!(rejected.reason, Reason::DelegationTooDeep);
    // A chain of a thousand does not get past the reader, nor onto the stack.
    let deep = format!("{}{}", r#"{"act":"#.repeat(1000), "1".to_owned() + &"}".repeat(1000));
    let token = signed_text(&header().to_string(), &deep, &Signer::es256(1));
    assert_eq!(reason(&token), Reason::TokenMalformed);
}

#[test]
fn nobody_is_twice_in_a_chain() {
    let cycles: [&[&str]; 5] =
        [&["dana"], &["a", "dana"], &["a", "a"], &["a", "b", "a"], &["a", "b", "b"]];
    for subjects in cycles {
        assert_eq!(acting(chain(subjects)), Err(Reason::DelegationCycle), "{subjects:?}");
    }
}

#[test]
fn an_issuer_that_may_not_delegate_asserts_no_actor() {
    let plain = Issuer { may_delegate: false, ..issuer() };
    let rejected = rejection(plain.clone(), &good_token(), at(NOW));
    assert_eq!(rejected.reason, Reason::DelegationNotAllowed);
    assert_eq!(rejected.known.unwrap().subject, Some(id("dana")));
    let mut own = claims();
    without(&mut own, "act");
    own["sub"] = json!("refund-bot");
    assert!(verify_for(plain, &signed(&header(), &own), at(NOW)).is_ok());
}

#[test]
fn claims_inside_act_other_than_the_actor_mean_nothing() {
    let mut act = actor("refund-bot");
    act["exp"] = json!(1);
    act["nbf"] = json!(9_999_999_999_u64);
    act["aud"] = json!("elsewhere");
    act["cnf"] = json!({"jkt": "x", "act": actor("admin")});
    act["scope"] = json!("admin");
    act["may_act"] = actor("admin");
    let verified = acting(act).unwrap();
    assert_eq!(verified.actor.agent, id("refund-bot"));
    assert_eq!(verified.actor.delegation.as_ref().unwrap().depth(), 1);
    assert!(!verified.grant.scopes.contains("admin"));
}

#[test]
fn the_client_is_never_the_actor() {
    let answer = answer_to(|claims| {
        claims["client_id"] = json!("somebody-else");
        claims["azp"] = json!("somebody-else");
    });
    assert_eq!(answer.unwrap().actor.agent, id("refund-bot"));
}
