//! What strongDM calls its types of resource.

/// The type behind a number of the oneof `v1.Resource`, as the vendor's CLI names it (Python SDK 18.4.0); newer ones by number.
pub fn name(kind: u32) -> String {
    TYPES.binary_search_by_key(&kind, |(number, _)| *number).map_or(format!("type {kind}"), |at| TYPES[at].1.to_owned())
}

/// In order of number.
#[rustfmt::skip]
const TYPES: [(u32, &str); 119] = [
    (5, "clickhouseHTTP"), (6, "clickhouseTCP"), (100, "athena"), (200, "bigquery"), (300, "cassandra"),
    (400, "druid"), (500, "dynamo"), (501, "dynamoiam"), (600, "amazones"), (601, "elastic"), (602, "amazonesiam"),
    (700, "httpBasic"), (701, "httpNoAuth"), (702, "httpAuth"), (800, "kubernetes"), (801, "kuberneteshttpbasic"),
    (802, "amazoneks"), (803, "googlegke"), (804, "kubernetesserviceaccount"), (805, "aks"), (806, "akshttpbasic"),
    (807, "aksserviceaccount"), (808, "kubernetesserviceaccountuserimpersonation"), (809, "amazoneksinstanceprofile"),
    (810, "aksserviceaccountuserimpersonation"), (812, "kubernetesuserimpersonation"),
    (813, "amazoneksinstanceprofileuserimpersonation"), (814, "aksuserimpersonation"),
    (816, "googlegkeuserimpersonation"), (818, "amazoneksuserimpersonation"), (819, "kubernetespodidentity"),
    (900, "memcached"), (1000, "mongo"), (1001, "mongo-replicaset"), (1002, "mongoHost"), (1003, "mongoReplicaSet"),
    (1052, "documentdbhost"), (1053, "documentdbreplicaset"), (1054, "mongoshardedcluster"),
    (1055, "documentdbhostiam"), (1056, "documentdbreplicasetiam"), (1100, "mysql"), (1101, "aurora-mysql"),
    (1102, "clustrix"), (1103, "maria"), (1104, "memsql"), (1105, "singlestore"), (1106, "mTLSMysql"),
    (1107, "azuremysql"), (1108, "clickhousemysql"), (1109, "aurora-mysql-iam"), (1110, "azuremysqlmanagedidentity"),
    (1200, "oracle"), (1201, "oraclenne"), (1300, "postgres"), (1301, "aurora-postgres"), (1302, "greenplum"),
    (1303, "cockroach"), (1304, "redshift"), (1305, "citus"), (1306, "mTLSPostgres"), (1307, "azurepostgres"),
    (1308, "azurepostgresmanagedidentity"), (1309, "aurorapostgresiam"), (1310, "rdspostgresiam"),
    (1311, "redshift-serverless-iam"), (1312, "redshift-iam"), (1400, "presto"), (1401, "trino"), (1500, "rdp"),
    (1501, "rdpCert"), (1600, "redis"), (1601, "ecredis"), (1602, "redisCluster"), (1603, "ecredisiam"),
    (1700, "snowflake"), (1701, "snowsight"), (1800, "mssql"), (1805, "mssqlAzureAD"), (1810, "mssqlKerberos"),
    (1900, "ssh"), (1901, "sshCert"), (1902, "sshCustomerKey"), (1904, "sshPassword"), (2000, "sybase"),
    (2001, "sybaseIQ"), (2100, "teradata"), (2200, "db2luw"), (2201, "neptuneiam"), (2250, "neptune"), (2300, "aws"),
    (2301, "awsinstanceprofile"), (2400, "db2i"), (2500, "rabbitmq-amqp-091"), (2501, "amazonmq-amqp-091"),
    (2502, "amazonmq-amqp"), (2600, "rawtcp"), (2700, "gcp"), (2701, "gcpWIF"), (2800, "azure"), (2801, "azurecert"),
    (2803, "entraID"), (3000, "awsConsole"), (3001, "awsConsoleStaticKeyPair"), (3200, "couchbaseWebUI"),
    (3201, "couchbaseDatabase"), (3300, "gcpConsole"), (3400, "athenaiam"), (3500, "oktaGroups"),
    (3600, "databricks"), (4500, "vertica"), (4600, "aerospike"), (4700, "mcp"), (4701, "mcpDCR"), (4702, "mcpPAT"),
    (4703, "mcpNoAuth"), (4800, "gspanner"), (4900, "llm"), (5000, "googleGroups"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_found() {
        assert!(TYPES.is_sorted_by(|one, next| one.0 < next.0));
        assert!(TYPES.iter().all(|(number, expected)| name(*number) == *expected));
    }

    #[test]
    fn a_new_type_is_shown_by_its_number() {
        assert_eq!(name(9999), "type 9999");
    }
}
