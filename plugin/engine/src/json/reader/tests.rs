//! Every rule of the reader, by what it refuses.

use super::*;

const LIMITS: Limits = Limits { bytes: 4096, depth: 8, items: 100 };

fn fault(text: &str) -> Fault {
    read(text.as_bytes(), &LIMITS).unwrap_err().fault
}

#[test]
fn a_document_is_read_as_written() {
    let text = r#"{"b":[1,-2,0.5,"x",null,true],"a":{"":"\u0041\n"}}"#;
    let value = read(text.as_bytes(), &LIMITS).unwrap();
    assert_eq!(value.to_text(), r#"{"b":[1,-2,0.5,"x",null,true],"a":{"":"A\n"}}"#);
}

#[test]
fn members_that_two_parsers_read_differently_are_refused_at_every_depth() {
    for members in [
        r#""a":1,"a":2"#,
        r#""a":1,"\u0061":2"#,
        r#""method":1,"Method":2"#,
        r#""params":1,"paramſ":2"#,
        r#""key":1,"Key":2"#,
        r#""a":1,"a ":2"#,
        r#""a":1,"a\u200b":2"#,
    ] {
        assert_eq!(fault(&format!("{{{members}}}")), Fault::Duplicate, "{members}");
        let deep = format!(r#"[0,{{"x":[{{{members}}}]}}]"#);
        assert_eq!(fault(&deep), Fault::Duplicate, "{members}");
    }
    assert_eq!(fault(r#"{"a\u0000":1}"#), Fault::Control);
    assert_eq!(fault(r#"{"a":"\u0000"}"#), Fault::Control);
}

#[test]
fn a_number_that_two_parsers_read_differently_is_refused() {
    for n in ["9007199254740992", "-9007199254740992", "123456789012345678901", "1e20", "-0"] {
        assert_eq!(fault(n), Fault::Number, "{n}");
    }
    assert_eq!(fault("-0.0"), Fault::Number);
    for n in ["1e999", "01", "+1", ".5", "NaN", "Infinity", "0x1"] {
        assert_eq!(fault(n), Fault::Syntax, "{n}");
    }
    let last = read(b"9007199254740991", &LIMITS).unwrap();
    assert_eq!(last, Value::Integer(9_007_199_254_740_991));
    assert_eq!(read(b"1.0", &LIMITS).unwrap(), Value::Decimal(1.0));
}

#[test]
fn only_one_utf_8_document_counts() {
    for text in ["", " ", "{} {}", "{}\0", "{},", "\u{feff}{}", "{'a':1}", "[1,]", "\"\\ud800\""] {
        assert_eq!(fault(text), Fault::Syntax, "{text:?}");
    }
    for bytes in [&b"\"\xff\""[..], b"\xff\xfe{\0}\0", b"\"\xc0\xae\""] {
        assert_eq!(read(bytes, &LIMITS).unwrap_err().fault, Fault::Syntax);
    }
}

#[test]
fn a_document_is_bounded_in_bytes_depth_and_members() {
    let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
    assert!(read(nested(8).as_bytes(), &LIMITS).is_ok());
    assert_eq!(fault(&nested(9)), Fault::Depth);
    assert_eq!(fault(&nested(2000)), Fault::Depth);
    assert_eq!(fault(&format!("[{}1]", "1,".repeat(100))), Fault::Items);
    assert_eq!(fault(&" ".repeat(4097)), Fault::Bytes);
}
