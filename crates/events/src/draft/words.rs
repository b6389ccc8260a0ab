//! The words in the name of a column.

/// Returns the words of a name in lower case, which are the same for `InvoiceNo`, `invoice_no` and `Invoice No`.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for letter in name.chars() {
        if !letter.is_alphanumeric() || (letter.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        was_lower = letter.is_lowercase() || letter.is_ascii_digit();
        if let Some(word) = words.last_mut()
            && letter.is_alphanumeric()
        {
            word.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_however_they_are_joined() {
        for name in ["InvoiceNo", "invoice_no", "Invoice No", "invoice.no", "invoiceNo", "INVOICE-NO"] {
            assert_eq!(words(name).join("_"), "invoice_no", "{name}");
        }
        assert_eq!(words("CustomerID").join("_"), "customer_id");
        assert_eq!(words("items.0.itemId").join("_"), "items_0_item_id");
        assert_eq!(words("Größe").join("_"), "größe");
    }
}
