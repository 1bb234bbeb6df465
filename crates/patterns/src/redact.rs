//! Personal data in queries: found and masked before a text leaves the process.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{NoExpand, Regex};

/// A sort of personal data that is found by its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Personal {
    /// A URL with a user, a password or a key in it.
    UrlCredentials,
    /// An e-mail address.
    Email,
    /// A UUID.
    Uuid,
    /// An international bank account number.
    Iban,
    /// The number of a payment card: 13 to 19 digits.
    Card,
    /// A telephone number: 7 digits and more, with the characters between them.
    Phone,
    /// A number of 4 digits and more.
    Number,
}

impl Personal {
    /// All of them, in the order in which they are looked for: a longer form before what is a part of it.
    pub const ALL: [Self; 7] =
        [Self::UrlCredentials, Self::Email, Self::Uuid, Self::Iban, Self::Card, Self::Phone, Self::Number];

    /// The word that a policy has for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UrlCredentials => "url_credentials",
            Self::Email => "email",
            Self::Uuid => "uuid",
            Self::Iban => "iban",
            Self::Card => "card",
            Self::Phone => "phone",
            Self::Number => "number",
        }
    }

    /// What is written in its place.
    #[must_use]
    pub fn mask(self) -> &'static str {
        match self {
            Self::UrlCredentials => "[url_credentials]",
            Self::Email => "[email]",
            Self::Uuid => "[uuid]",
            Self::Iban => "[iban]",
            Self::Card => "[card]",
            Self::Phone => "[phone]",
            Self::Number => "[number]",
        }
    }

    /// Its form. Digits are those of any script.
    fn form(self) -> &'static str {
        match self {
            Self::UrlCredentials => {
                r"(?i)[a-z][a-z0-9+.\-]*://[^\s/@]*@\S*|[?&][\w\-]*(?:token|key|secret|passw|sig)[\w\-]*=[^\s&]+"
            }
            Self::Email => r"[^\s@<>,;:()]+@[^\s@<>,;:()]+\.[^\s@<>,;:()]{2,}",
            Self::Uuid => r"(?i)[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}",
            Self::Iban => {
                r"(?i)\b[a-z]{2}\d{2}(?:[ \-]?[a-z]{4}|[ \-]?[a-z]\d{3})?(?:[ \-]?\d{2,4}){2,}[a-z0-9]*"
            }
            Self::Card => r"\d(?:[ \-]?\d){12,18}",
            Self::Phone => r"\d(?:[\s().\-/]{0,2}\d){6,}",
            Self::Number => r"\d(?:[.,'_]?\d){3,}",
        }
    }
}

#[expect(clippy::expect_used, reason = "the forms are constants, and a test compiles them")]
static FORMS: LazyLock<[Regex; 7]> =
    LazyLock::new(|| Personal::ALL.map(|personal| Regex::new(personal.form()).expect("a valid form")));

/// Which sorts of personal data are masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redaction(pub(crate) Vec<Personal>);

impl Default for Redaction {
    /// All of them.
    fn default() -> Self {
        Self(Personal::ALL.to_vec())
    }
}

impl Redaction {
    /// Masks none.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    fn forms(&self) -> impl Iterator<Item = (Personal, &'static Regex)> {
        Personal::ALL.into_iter().zip(FORMS.iter()).filter(|(personal, _)| self.0.contains(personal))
    }

    /// The first sort that is in the text; none when there is none. Cost: linear in the text, for each sort.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<Personal> {
        self.forms().find(|(_, form)| form.is_match(text)).map(|(personal, _)| personal)
    }

    /// The text with a mask in place of all that is found. Cost: linear in the text, for each sort.
    #[must_use]
    pub fn apply<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut masked = Cow::Borrowed(text);
        for (personal, form) in self.forms() {
            if let Cow::Owned(next) = form.replace_all(&masked, NoExpand(personal.mask())) {
                masked = Cow::Owned(next);
            }
        }
        masked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, masked: &str) {
        let all = Redaction::default();
        assert_eq!(all.apply(text), masked);
        assert_eq!(all.find(text).is_some(), text != masked, "{text:?}");
        assert_eq!(all.find(masked), None, "a mask is no personal data: {masked:?}");
    }

    #[test]
    fn personal_data_is_masked_and_nothing_else() {
        check("write to Ann.Lee+x@mail.example.org, please", "write to [email], please");
        check("my IBAN is IT60 X054 2811 1010 0000 0123 456", "my IBAN is [iban]");
        check("gb82west12345698765432 ?", "[iban] ?");
        check("card 4111 1111 1111 1111 exp 12/29", "card [card] exp 12/29");
        check("call +39 (02) 123-45.67 now", "call +[phone] now");
        check("invoice 20481", "invoice [number]");
        check("it costs 1,299.00 euro", "it costs [number] euro");
        check("room \u{0664}\u{0665}\u{0666}\u{0667}", "room [number]");
        check("id 9f1c2b3a-0d4e-4f5a-8b6c-7d8e9fa0b1c2", "id [uuid]");
        check("see https://ann:secret@host/x now", "see [url_credentials] now");
        check("see https://host/x?api_key=abcdef&a=b", "see https://host/x[url_credentials]&a=b");
        for plain in [
            "where is my order?",
            "how many orders were there in the last 30 days",
            "what is new in version 2.0.1",
            "https://host/help?page=2",
            "open 24/7, 365 days",
            "me @ home",
            "at 10 what about this",
            "am10 what about this",
            "",
        ] {
            check(plain, plain);
        }
    }

    #[test]
    fn only_what_is_named_is_masked() {
        let emails = Redaction(vec![Personal::Email]);
        assert_eq!(emails.apply("a@b.example 12345"), "[email] 12345");
        assert_eq!(emails.find("12345"), None);
        assert_eq!(Redaction::none().apply("a@b.example"), "a@b.example");
    }
}
