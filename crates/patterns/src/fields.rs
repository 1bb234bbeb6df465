//! Reads the members that several sorts of document have.

use midflight_core::{DocumentName, ObjectReader};

use crate::limits::{CATEGORY_BYTES_MAX, ORDERS};

/// The order of a pattern without one.
pub(crate) const ORDER_DEFAULT: i32 = 100;

/// A number from 0 to 1.
pub(crate) fn read_share(reader: &mut ObjectReader<'_, '_>, key: &str) -> Option<f64> {
    let share = reader.number(key)?;
    if !(0.0..=1.0).contains(&share) {
        reader.refuse(key, "out_of_bounds", format!("{key} is a number from 0 to 1"));
    }
    Some(share)
}

/// A place in the declared order.
pub(crate) fn read_order(reader: &mut ObjectReader<'_, '_>) -> Option<i32> {
    let order = reader.integer("order")?;
    let known = ORDERS.contains(&order).then(|| i32::try_from(order).ok()).flatten();
    if known.is_none() {
        let message = format!("order is from {} to {}", ORDERS.start(), ORDERS.end());
        reader.refuse("order", "out_of_bounds", message);
    }
    known
}

/// Refuses a text that can be no single segment of a name.
pub(crate) fn check_segment(reader: &mut ObjectReader<'_, '_>, key: &str, text: &str) {
    if text.contains('/') || DocumentName::new(text).is_err() {
        let message = format!("{key} is a name without a slash, of letters, digits and . _ - : @ +");
        reader.refuse(key, "bad_name", message);
    }
}

/// The member `category`.
pub(crate) fn read_category<'a>(reader: &mut ObjectReader<'a, '_>) -> Option<&'a str> {
    if reader.get("category").is_none() {
        reader.missing("category", "the category of matching queries, as GREETING");
        return None;
    }
    let category = reader.text("category")?;
    if let Some(why) = wrong_category(category) {
        reader.refuse("category", "bad_name", why);
    }
    Some(category)
}

/// Why a text can be no category.
pub(crate) fn wrong_category(category: &str) -> Option<String> {
    let is_word = !category.is_empty() && !category.chars().any(|c| c.is_whitespace() || c.is_control());
    (!is_word || category.len() > CATEGORY_BYTES_MAX).then(|| {
        format!("a category is a word of at most {CATEGORY_BYTES_MAX} bytes without blanks, as SIMPLE_METRIC")
    })
}
