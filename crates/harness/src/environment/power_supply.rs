//! Whether a machine runs on its battery, as the kernel tells in a folder for each power supply.
//!
//! Decision D-441.

use std::fs;
use std::path::Path;

use super::kernel_files::read;

/// The folder in which the kernel describes power supplies.
const POWER_SUPPLIES: &str = "/sys/class/power_supply";

/// Returns true if this machine runs on its battery, and false if it is supplied from outside; `None` if the kernel does
/// not say, as on most servers and in virtual machines.
pub fn on_battery() -> Option<bool> {
    on_battery_by(Path::new(POWER_SUPPLIES))
}

/// Returns the same by the power supplies that a folder describes.
///
/// A battery that is discharged decides. Otherwise, mains or USB that are online do; where all of them are offline, only a
/// battery is left, whatever it says of itself.
fn on_battery_by(folder: &Path) -> Option<bool> {
    let supplies: Vec<PowerSupply> =
        fs::read_dir(folder).ok()?.flatten().filter_map(|entry| PowerSupply::of(&entry.path())).collect();
    if supplies.contains(&PowerSupply::Battery { is_discharged: true }) {
        return Some(true);
    }
    if supplies.contains(&PowerSupply::External { is_online: true }) {
        return Some(false);
    }
    // USB ports of a machine without a battery are power supplies too, and offline.
    let has_battery = supplies.contains(&PowerSupply::Battery { is_discharged: false });
    let has_external = supplies.contains(&PowerSupply::External { is_online: false });
    has_battery.then_some(has_external)
}

/// A power supply of the machine itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PowerSupply {
    Battery {
        is_discharged: bool,
    },
    /// Mains, or USB.
    External {
        is_online: bool,
    },
}

impl PowerSupply {
    /// Returns the power supply that a folder describes; `None` for that of a mouse or the like, and for kinds that say
    /// nothing of the machine.
    fn of(folder: &Path) -> Option<PowerSupply> {
        let of = |name: &str| read(folder.join(name).to_str()?);
        if of("scope").as_deref() == Some("Device") {
            return None;
        }
        match of("type")?.as_str() {
            "Battery" => Some(PowerSupply::Battery { is_discharged: of("status")? == "Discharging" }),
            "Mains" | "USB" => Some(PowerSupply::External { is_online: of("online")? != "0" }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// A power supply: its name, and its files with their content.
    type Described<'a> = (&'a str, &'a [(&'a str, &'a str)]);

    /// Returns what a folder with these power supplies says.
    fn with(supplies: &[Described<'_>]) -> Option<bool> {
        let dir = TempDir::new().unwrap();
        for (name, files) in supplies {
            let folder = dir.path().join(name);
            fs::create_dir(&folder).unwrap();
            files.iter().for_each(|(file, text)| fs::write(folder.join(file), format!("{text}\n")).unwrap());
        }
        on_battery_by(dir.path())
    }

    const FULL: Described<'_> = ("BAT0", &[("type", "Battery"), ("status", "Full")]);
    const DISCHARGING: Described<'_> = ("BAT1", &[("type", "Battery"), ("status", "Discharging")]);
    const PLUGGED_IN: Described<'_> = ("AC", &[("type", "Mains"), ("online", "1")]);
    const UNPLUGGED: Described<'_> = ("ADP1", &[("type", "Mains"), ("online", "0")]);
    const CHARGER: Described<'_> = ("ucsi-source-psy-1", &[("type", "USB"), ("online", "1")]);
    const MOUSE: Described<'_> =
        ("hidpp_battery_0", &[("type", "Battery"), ("status", "Discharging"), ("scope", "Device")]);

    #[test]
    fn a_discharging_battery_or_mains_that_are_offline_mean_battery() {
        assert_eq!(with(&[DISCHARGING, UNPLUGGED]), Some(true));
        assert_eq!(with(&[FULL, UNPLUGGED]), Some(true));
        assert_eq!(with(&[FULL, DISCHARGING]), Some(true), "one of two batteries is used at a time");
    }

    #[test]
    fn mains_and_chargers_mean_none() {
        assert_eq!(with(&[FULL, PLUGGED_IN]), Some(false));
        assert_eq!(with(&[FULL, UNPLUGGED, CHARGER]), Some(false), "charged by USB");
        assert_eq!(with(&[FULL]), Some(false));
    }

    #[test]
    fn devices_and_machines_without_a_battery_say_nothing() {
        assert_eq!([with(&[]), with(&[MOUSE]), with(&[UNPLUGGED])], [None; 3]);
        assert_eq!(with(&[MOUSE, PLUGGED_IN]), Some(false));
        assert_eq!(with(&[("BAT0", &[("type", "Battery")]), ("odd", &[])]), None, "files that are missing");
        assert_eq!(on_battery_by(Path::new("/does/not/exist")), None);
    }
}
