//! The permission of a receiver, without which nothing is sent to it.
//!
//! The handshake is that of <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md>, section 4.
//!
//! Decision D-633.

use crate::webhook::client::Reply;

/// What a receiver allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Permission {
    /// Events per minute; `None` if there is no limit.
    pub(crate) rate_per_min: Option<u32>,
}

impl Permission {
    /// Reads the reply to a question. Its status does not count, by the specification.
    ///
    /// # Errors
    ///
    /// Returns what is missing for a permission.
    pub(crate) fn read(reply: &Reply, origin: &str, asked_per_min: Option<u32>) -> Result<Permission, String> {
        let headers = (reply.header("WebHook-Allowed-Origin"), reply.header("WebHook-Allowed-Rate"));
        Permission::of(headers, origin, asked_per_min).map_err(|reason| format!("{reason} ({})", reply.summary()))
    }

    fn of(
        (origins, rate): (Option<&str>, Option<&str>),
        origin: &str,
        asked_per_min: Option<u32>,
    ) -> Result<Permission, String> {
        match origins {
            Some("*") => {}
            Some(allowed) if allowed.eq_ignore_ascii_case(origin) => {}
            Some(_) => return Err(format!("the receiver allows another origin than {origin}")),
            None => {
                let fix = format!("answer OPTIONS with WebHook-Allowed-Origin: {origin}");
                return Err(format!("the receiver gives no permission; let it {fix}"));
            }
        }
        let allowed_per_min = match rate {
            Some("*") => None,
            Some(rate) => {
                let is_number = rate.bytes().all(|byte| byte.is_ascii_digit());
                let per_min = rate.parse::<u32>().ok().filter(|rate| is_number && *rate > 0);
                Some(per_min.ok_or("WebHook-Allowed-Rate is neither * nor a number of events per minute")?)
            }
            None if asked_per_min.is_none() => None,
            None => return Err("WebHook-Allowed-Rate is missing, though a rate was asked for".to_owned()),
        };
        let rates = [asked_per_min, allowed_per_min];
        Ok(Permission { rate_per_min: rates.into_iter().flatten().min() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permission_is_for_our_origin_at_the_lower_rate() {
        let of =
            |origin, rate, asked| Permission::of((origin, rate), "me.example", asked).map(|found| found.rate_per_min);
        assert_eq!(of(Some("*"), Some("*"), None), Ok(None));
        assert_eq!(of(Some("me.example"), None, None), Ok(None));
        assert_eq!(of(Some("ME.example"), Some("10"), None), Ok(Some(10)));
        assert_eq!(of(Some("*"), Some("10"), Some(20)), Ok(Some(10)));
        assert_eq!(of(Some("*"), Some("30"), Some(20)), Ok(Some(20)));
        assert_eq!(of(Some("*"), Some("*"), Some(20)), Ok(Some(20)));
        for (origin, rate, asked) in [
            (None, Some("*"), None),
            (Some("other.example"), Some("*"), None),
            (Some("me.example.evil"), Some("*"), None),
            (Some("*"), None, Some(20)),
            (Some("*"), Some("0"), None),
            (Some("*"), Some("+5"), None),
            (Some("*"), Some(""), None),
            (Some("*"), Some("many"), None),
        ] {
            assert!(of(origin, rate, asked).is_err(), "{origin:?} {rate:?} {asked:?}");
        }
    }
}
