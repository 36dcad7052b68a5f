//! The digest of a model: equal for the same weights however they are cut into files, different for any other bit.

use std::fs;
use std::path::Path;

use engine::model::{Precision, load};
use serde_json::{Value, json};

use super::{data, options};

const MODEL: &str = "qwen2-bias-bf16";

fn copy(to: &Path) {
    for entry in fs::read_dir(data().join(MODEL)).expect("the model is there") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("it can be copied");
    }
    fs::write(to.join("tokenizer.json"), "{}").expect("it can be written");
}

fn digest(folder: &Path, precision: Option<Precision>) -> [u8; 32] {
    load(folder, &options(precision, 1)).expect("it loads").decoder.info().digest
}

fn parts(file: &[u8]) -> (Value, &[u8]) {
    let length = u64::from_le_bytes(*file.first_chunk().expect("a length")) as usize;
    (serde_json::from_slice(&file[8..8 + length]).expect("a header"), &file[8 + length..])
}

/// The tensors of a file whose position in it is `remainder` modulo 3, as a file of their own.
fn shard(file: &[u8], remainder: usize) -> (Vec<String>, Vec<u8>) {
    let (header, body) = parts(file);
    let (mut names, mut chosen, mut bytes) = (Vec::new(), json!({}), Vec::new());
    for (name, info) in header.as_object().expect("tensors").iter().skip(remainder).step_by(3) {
        let [begin, end] = [0, 1].map(|index| info["data_offsets"][index].as_u64().expect("an offset") as usize);
        chosen[name] = info.clone();
        chosen[name]["data_offsets"] = json!([bytes.len(), bytes.len() + end - begin]);
        bytes.extend_from_slice(&body[begin..end]);
        names.push(name.clone());
    }
    let header = chosen.to_string().into_bytes();
    (names, [&(header.len() as u64).to_le_bytes()[..], &header, &bytes].concat())
}

#[test]
fn shards_are_the_same_model() {
    let folder = tempfile::tempdir().expect("a folder");
    copy(folder.path());
    let whole = digest(folder.path(), None);
    let file = fs::read(folder.path().join("model.safetensors")).expect("it is there");
    fs::remove_file(folder.path().join("model.safetensors")).expect("it can be removed");
    let mut map = json!({});
    for remainder in 0..3 {
        let (names, bytes) = shard(&file, remainder);
        let name = format!("model-{remainder}.safetensors");
        fs::write(folder.path().join(&name), bytes).expect("it can be written");
        names.into_iter().for_each(|tensor| map[tensor] = json!(name));
    }
    let index = json!({ "weight_map": map }).to_string();
    fs::write(folder.path().join("model.safetensors.index.json"), index).expect("it can be written");
    assert_eq!(digest(folder.path(), None), whole);
    assert_eq!(digest(folder.path(), Some(Precision::Bf16)), whole, "what is held says who it is");
}

#[test]
fn progress_counts_every_tensor() {
    let steps = std::sync::Mutex::new(Vec::new());
    let note = |done: usize, all: usize| steps.lock().expect("not poisoned").push((done, all));
    let options = engine::LoadOptions { progress: Some(&note), ..options(None, 1) };
    load(&data().join(MODEL), &options).expect("it loads");
    let file = fs::read(data().join(MODEL).join("model.safetensors")).expect("it is there");
    let count = parts(&file).0.as_object().expect("tensors").len();
    assert_eq!(*steps.lock().expect("not poisoned"), (1..=count).map(|done| (done, count)).collect::<Vec<_>>());
}

#[test]
fn every_bit_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    copy(folder.path());
    let mut digests = vec![digest(folder.path(), None)];
    assert_eq!(digests[0], digest(folder.path(), None));
    for precision in [Precision::F32, Precision::F16, Precision::Q8_0] {
        digests.push(digest(folder.path(), Some(precision)));
    }
    fs::write(folder.path().join("tokenizer.json"), "{ }").expect("it can be written");
    digests.push(digest(folder.path(), None));
    let path = folder.path().join("model.safetensors");
    let file = fs::read(&path).expect("it is there");
    for place in [0, 1, 500] {
        let mut changed = file.clone();
        let at = file.len() - 1 - place;
        changed[at] ^= 1;
        fs::write(&path, changed).expect("it can be written");
        digests.push(digest(folder.path(), None));
    }
    fs::write(&path, file).expect("it can be written");
    let config = fs::read_to_string(folder.path().join("config.json")).expect("it is there");
    let config = config.replace("1000000.0", "1000001.0");
    fs::write(folder.path().join("config.json"), config).expect("it can be written");
    digests.push(digest(folder.path(), None));
    let count = digests.len();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), count, "two different models have the same digest");
}
