//! What the tests connect with.

use localnet::{LocalNet, Seal};
use sp_core::Pair as _;
use sp_keyring::Sr25519Keyring;
use subxt::{
    OnlineClient, SubstrateConfig,
    config::Config,
    rpcs::RpcClient,
    transactions::Signer,
    utils::{AccountId32, MultiSignature},
};

/// The client with any backend.
pub type Client = OnlineClient<SubstrateConfig>;

/// One of the well-known accounts, signing.
pub struct Account(pub Sr25519Keyring);

impl Account {
    /// The account id.
    pub fn id(&self) -> [u8; 32] {
        self.0.to_raw_public()
    }
}

impl Signer<SubstrateConfig> for Account {
    fn account_id(&self) -> <SubstrateConfig as Config>::AccountId {
        AccountId32(self.id())
    }

    fn sign(&self, payload: &[u8]) -> MultiSignature {
        MultiSignature::Sr25519(self.0.pair().sign(payload).0)
    }
}

/// A node that makes a block for every extrinsic and checks each of them twice.
pub async fn instant() -> LocalNet {
    LocalNet::builder().seal(Seal::Instant).self_check(true).start().await.expect("node starts")
}

/// A raw connection.
pub async fn rpc(net: &LocalNet) -> RpcClient {
    RpcClient::from_insecure_url(net.url()).await.expect("connects")
}
