use parity_scale_codec::{Decode as _, Encode as _};
use proptest::prelude::*;

use super::data::{CommitmentInfo, Data};

fn field() -> impl Strategy<Value = Data> {
    let bytes = |most: usize| proptest::collection::vec(any::<u8>(), 0..=most);
    prop_oneof![
        Just(Data::None),
        Just(Data::ResetBondsFlag),
        bytes(128).prop_map(|bytes| Data::Raw(bytes.try_into().unwrap())),
        bytes(512).prop_map(|bytes| Data::BigRaw(bytes.try_into().unwrap())),
        any::<[u8; 32]>().prop_map(Data::Keccak256),
        (bytes(1024), any::<u64>()).prop_map(|(encrypted, reveal_round)| Data::TimelockEncrypted {
            encrypted: encrypted.try_into().unwrap(),
            reveal_round
        }),
    ]
}

proptest! {
    #[test]
    fn fields_survive_the_wire(fields in proptest::collection::vec(field(), 0..=3)) {
        let info = CommitmentInfo { fields: fields.try_into().unwrap() };
        prop_assert_eq!(CommitmentInfo::decode(&mut &info.encode()[..]), Ok(info));
    }

    #[test]
    fn any_bytes_are_fields_or_an_error(bytes: Vec<u8>) {
        let _ = CommitmentInfo::decode(&mut &bytes[..]);
    }
}

#[test]
fn fields_have_the_main_networks_bytes() {
    let bytes = |field: Data| field.encode();
    assert_eq!(bytes(Data::None), [0]);
    assert_eq!(bytes(Data::Raw(vec![7, 8].try_into().unwrap())), [3, 7, 8]);
    assert_eq!(bytes(Data::BlakeTwo256([1; 32]))[0], 130);
    assert_eq!(bytes(Data::ResetBondsFlag), [135]);
    assert_eq!(bytes(Data::BigRaw(vec![9].try_into().unwrap())), [136, 4, 9]);
    let sealed = Data::TimelockEncrypted { encrypted: vec![5].try_into().unwrap(), reveal_round: 2 };
    assert_eq!(bytes(sealed), [134, 4, 5, 2, 0, 0, 0, 0, 0, 0, 0]);
    assert!(Data::decode(&mut &[137][..]).is_err());
}
