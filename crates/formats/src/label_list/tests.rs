//! Tests of lists of labels.

use proptest::prelude::*;

use super::*;

/// Names and labels of a list by name.
fn named(text: &str) -> Vec<(String, String)> {
    match parse(text) {
        Ok(Rows::Named(rows)) => rows.into_iter().map(|row| (row.name, row.label)).collect(),
        other => panic!("{text:?}: {other:?}"),
    }
}

#[test]
fn each_form_of_list_is_understood() {
    for (text, wanted) in [
        ("a.JPEG 65\nb.JPEG 970\n", [("a.JPEG", "65"), ("b.JPEG", "970")]),
        ("\u{feff}a.JPEG 65\r\n\r\nb.JPEG 970\r\n", [("a.JPEG", "65"), ("b.JPEG", "970")]),
        (
            "a.jpg\tn01440764\t0\t32\t32\t62\nb.jpg\tn02099601\t1\t2\t3\t4",
            [("a.jpg", "n01440764"), ("b.jpg", "n02099601")],
        ),
        (
            "a.jpg n01440764 0 32 32 62\nb.jpg n02099601 1 2 3 4",
            [("a.jpg", "n01440764"), ("b.jpg", "n02099601")],
        ),
        (
            "ImageId,PredictionString\na,n03995372 85 1 499 272\nb,n01440764 0 0 9 9 n01440764 1 1 2 2 \n",
            [("a", "n03995372"), ("b", "n01440764")],
        ),
        (
            "\"id\",\"breed\"\n\"a\",\"boston \"\"bull\"\"\"\n\"b\",\"dhole, wild\"",
            [("a", "boston \"bull\""), ("b", "dhole, wild")],
        ),
        ("label,size,image\n3,1,x/a.png\n4,2,.\\x\\b.png", [("x/a.png", "3"), ("x/b.png", "4")]),
        ("image;kind\na.jpg;cat\nb.jpg;dog", [("a.jpg", "cat"), ("b.jpg", "dog")]),
        ("cat,a.jpg\ndog,b.jpg\n", [("a.jpg", "cat"), ("b.jpg", "dog")]),
        ("# by hand\nmy cat.jpg 0\nb.jpg 1 # not me", [("my cat.jpg", "0"), ("b.jpg", "1")]),
        ("filename label\na 3.0\nb 4", [("a", "3"), ("b", "4")]),
        ("key,cat\nfile2,dog", [("key", "cat"), ("file2", "dog")]),
        ("id,filename,label\n0,1.jpg,cat\n1,0.jpg,dog", [("1.jpg", "cat"), ("0.jpg", "dog")]),
        ("id,image,label\n0,1,cat\n1,0,dog", [("1", "cat"), ("0", "dog")]),
        ("name,id,label\ntom,0.jpg,cat\nrex,1.jpg,dog", [("0.jpg", "cat"), ("1.jpg", "dog")]),
        // As pandas writes a frame.
        ("0,a.jpg,cat\n1,b.jpg,dog", [("a.jpg", "cat"), ("b.jpg", "dog")]),
        (",bild,art\n1,a.jpg,cat\n2,b.jpg,dog", [("a.jpg", "cat"), ("b.jpg", "dog")]),
        ("1,a.jpg,32\n0,b.jpg,64", [("a.jpg", "1"), ("b.jpg", "0")]),
        ("0,a.jpg\n1,b.jpg", [("a.jpg", "0"), ("b.jpg", "1")]),
    ] {
        let wanted = wanted.map(|(name, label)| (name.to_owned(), label.to_owned()));
        assert_eq!(named(text), wanted, "{text:?}");
    }
}

#[test]
fn labels_alone_are_in_order() {
    let Ok(Rows::InOrder(rows)) = parse("490\r\n361\r\n171\r\n") else { panic!("three labels") };
    assert_eq!(rows.iter().map(|row| row.label.as_str()).collect::<Vec<_>>(), ["490", "361", "171"]);
    assert!(matches!(parse("n01751748\nn09193705"), Ok(Rows::InOrder(rows)) if rows.len() == 2));
    assert!(parse_at_most("1\n2\n", 2).is_ok());
    assert!(parse_at_most("1\n2\n3\n", 2).unwrap_err().contains("more than 2 rows"));
}

#[test]
fn what_is_no_list_is_told_by_line() {
    for (text, wanted) in [
        ("", "empty"),
        ("\u{feff}\r\n# nothing\n", "empty"),
        ("tench\ngoldfish", "line 1 has one column, and \"tench\""),
        ("490\nx", "line 2 has one column"),
        ("a.jpg,\"3", "line 1: a quote is not closed"),
        ("a.jpg,3\n{many}", "line 2: it has more than 1000 columns"),
        ("a.jpg,3\nb.jpg,\"3\" or 4", "line 2: something follows"),
        ("a.jpg,3\nb.jpg", "line 2 has 1 columns"),
        ("a.jpg,3\nb.jpg,", "line 2 lacks"),
        ("a.jpg,3\n,4", "line 2 lacks"),
        ("id,width\na,640\nb,480", "none of its columns (id, width)"),
        ("image,width,height\na.jpg,3,4", "none of its columns (image, width, height)"),
        ("image,label", "no image"),
        ("a cat on a mat", "line 1: 5 words"),
    ] {
        let message = parse(&text.replace("{many}", &",".repeat(1000))).unwrap_err();
        assert!(message.contains(wanted), "{text:?}: {message}");
    }
}

proptest! {
    #[test]
    fn any_text_is_rows_or_an_error(text in "[a-c.jpg\",;\t 0-9n\r\n]{0,200}") {
        if let Ok(Rows::Named(rows)) = parse(&text) {
            prop_assert!(rows.iter().all(|row| !row.name.is_empty() && !row.label.is_empty()));
        }
    }
}
