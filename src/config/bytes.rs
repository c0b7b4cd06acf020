//! Amounts of memory, written as people do: `512MiB`, `2GiB`.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

/// A number of bytes, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline, extend("pattern" = "^([1-9][0-9]{0,6} ?[KMGT]i?B|[1-9][0-9]{0,18} ?B)$", "examples" = ["512MiB", "2GiB"]))]
pub struct ByteSize(pub u64);

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is not an amount of memory; write a whole number with a unit, such as 512MiB or 2GiB");
        let (digits, factor) =
            UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?.trim_end(), *factor))).ok_or_else(wrong)?;
        let number = digits.parse::<u64>().ok().filter(|number| *number > 0).ok_or_else(wrong)?;
        number.checked_mul(factor).map(ByteSize).ok_or_else(|| format!("`{text}` is more memory than can be addressed"))
    }
}

impl TryFrom<String> for ByteSize {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ByteSize> for String {
    fn from(size: ByteSize) -> Self {
        size.to_string()
    }
}

impl fmt::Display for ByteSize {
    /// The shortest exact form: `2GiB`, not `2048MiB`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = UNITS.iter().filter(|(_, factor)| self.0.is_multiple_of(*factor));
        let (unit, factor) = exact.max_by_key(|(_, factor)| factor).unwrap_or(&("B", 1));
        write!(formatter, "{}{unit}", self.0 / factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_whole_numbers_with_units() {
        for (text, bytes) in [("2GiB", 2_147_483_648), ("512 MiB", 536_870_912), ("1KB", 1_000), ("3TB", 3_000_000_000_000)] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)));
        }
        for text in ["", "2", "GiB", "-1GiB", "1.5GiB", "0MiB", "2gib", "99999999TiB"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for text in ["2GiB", "1500MB", "1KiB", "7TB", "1001B"] {
            assert_eq!(text.parse::<ByteSize>().unwrap().to_string(), text);
        }
    }
}
