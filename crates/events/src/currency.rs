//! The currency before or after an amount.

/// The currency of an amount as it is written, such as `$`, `USD`, or both of them in `$5 USD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Currency<'a> {
    front: &'a str,
    behind: &'a str,
}

impl Currency<'_> {
    /// Returns true if the currency is written like this.
    pub(crate) fn is(self, text: &str) -> bool {
        text.strip_prefix(self.front) == Some(self.behind)
    }
}

impl std::fmt::Display for Currency<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}{}", self.front, self.behind)
    }
}

/// Separates an amount from its currency, if it has one. `None` if there are two or there is other text.
pub(crate) fn split(amount: &str) -> Option<(Option<Currency<'_>>, &str)> {
    let starts_number = |letter: char| letter.is_ascii_digit() || matches!(letter, '.' | ',' | '-' | '+' | '\u{2212}');
    let (front, rest) = amount.split_at(amount.find(starts_number)?);
    // A dot after the last digit is the decimal point of `12.€`, and one after a space ends an abbreviation.
    let number_end = rest.rfind(|letter: char| letter.is_ascii_digit())? + 1;
    let number_end = number_end + usize::from(rest[number_end..].starts_with(['.', ',']));
    let (number, behind) = rest.split_at(number_end);
    // `Rs.500` is five hundred rupees, not half of one.
    let number = if is_word(front) { number.strip_prefix('.').unwrap_or(number) } else { number };
    let (front, behind) = (front.trim(), behind.trim());
    if front.is_empty() && behind.is_empty() {
        return Some((None, amount));
    }
    let is_known = |text: &str| text.is_empty() || is_sign(text) || is_code(text) || is_word(text);
    let is_twice = is_sign(front) && is_sign(behind);
    (is_known(front) && is_known(behind) && !is_twice).then(|| (Some(Currency { front, behind }), number.trim()))
}

/// Returns true for a currency sign with up to three letters before it, such as `€` or `US$`.
fn is_sign(text: &str) -> bool {
    let sign = text.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
    let mut letters = sign.chars();
    text.len() - sign.len() <= 3
        && letters.next().is_some_and(|letter| SIGNS.contains(letter) || ('\u{20a0}'..='\u{20cf}').contains(&letter))
        && letters.next().is_none()
}

/// Returns true for a code of ISO 4217.
fn is_code(text: &str) -> bool {
    text.len() == 3 && text.is_ascii() && CODES.split_ascii_whitespace().any(|code| code == text)
}

/// Returns true for the local name of a currency.
fn is_word(text: &str) -> bool {
    WORDS.contains(&text.strip_suffix('.').unwrap_or(text))
}

/// The currency signs outside the Unicode block of currency symbols.
const SIGNS: &str = "$¢£¤¥֏؋৲৳฿៛﷼﹩＄￠￡￥￦";

const WORDS: [&str; 10] = ["kr", "zł", "Kč", "Ft", "lei", "лв", "руб", "Rs", "Rp", "Fr"];

const CODES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD \
                     CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP \
                     GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW \
                     KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD \
                     NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD \
                     SHP SLE SOS SRD SSP STN SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES \
                     VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG";
