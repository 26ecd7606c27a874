//! What to do about data that cannot be found or read: the options that help. The crates say what is wrong
//! and know no options.

use resnet_data::names::printable;
use resnet_data::{Error as DataError, NotLeftOut};
use resnet_terminal::numbers;

/// The sentence of an error of the data, and the same with the option that helps; `None` where none does.
pub(crate) fn of_data(error: &anyhow::Error) -> Option<(String, String)> {
    let error = error.chain().find_map(data_error)?;
    let told = error.to_string();
    let hinted = match error {
        DataError::Broken { place, cause, why } => {
            let allows = match *why {
                NotLeftOut::NoneMayBe => format!("{why}, or allow some with --skip-broken"),
                NotLeftOut::Costs { others, lost, limit } => {
                    let others = match others {
                        0 => String::new(),
                        others => format!("with {} ", numbers::counted(others as u64, "other fault")),
                    };
                    format!("{others}it costs {lost} of the samples, and --skip-broken allows {limit}")
                }
                NotLeftOut::LimitReached { before } => {
                    let before = numbers::counted(before as u64, "broken sample");
                    format!("--skip-broken allows no more than the {before} before it")
                }
                NotLeftOut::Last => return None,
            };
            format!("{} cannot be used: {cause}; {allows}", printable(place))
        }
        DataError::MissingFile { .. } => format!("{told} with --data"),
        DataError::NotDownloaded(_) => format!("{told}; a folder is given with --data DIR"),
        DataError::SeveralConfigs { .. } => format!("{told} with --config NAME"),
        _ => return None,
    };
    Some((told, hinted))
}

/// The error of the data that this is, or passes on.
fn data_error<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a DataError> {
    let of_training = |error: &'a resnet_train::Error| match error {
        resnet_train::Error::Data(error) => Some(error),
        _ => None,
    };
    if let Some(error) = cause.downcast_ref::<DataError>() {
        return Some(error);
    }
    match cause.downcast_ref::<resnet::Error>() {
        Some(resnet::Error::Data(error)) => Some(error),
        Some(resnet::Error::Train(error)) => of_training(error),
        Some(_) => None,
        None => cause.downcast_ref::<resnet_train::Error>().and_then(of_training),
    }
}
