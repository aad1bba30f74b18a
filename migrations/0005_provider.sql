-- 0005 provider: how a URL with a path becomes a host name.
--
-- A path is encrypted; a host name is not. Where a provider gives each bucket a host of its own, a rule that is typed as a
-- path becomes that host; where it gives none, the rule is refused, and `note` says why and what to do instead.
-- The table is yours to extend with a plain INSERT: see the example at its end.
CREATE TABLE provider (
    name               TEXT PRIMARY KEY NOT NULL,
    -- The endpoint that has the bucket in its path: https://s3.{region}.amazonaws.com/{bucket}/. Without {bucket} no path of
    -- that host has a host name. NULL: there is no such endpoint. A placeholder stands for a label, or a part of one.
    path_style         TEXT,
    -- The bucket's own host: {bucket}.s3.{region}.amazonaws.com. NULL: there is none.
    virtual_host       TEXT,
    -- What a placeholder may stand for: region=fsn1,hel1 account=hex{32}. Values are words in which * is any characters and
    -- # one or more digits, or one of hex{32}, digits{12}, lower{3,24} (small letters and digits). Not named: anything.
    placeholders       TEXT    NOT NULL DEFAULT '',
    -- What a bucket may be called. 'invalid': no bucket is; 'refused': one may be, but has no host.
    bucket_min         INTEGER NOT NULL DEFAULT 3,          -- characters
    bucket_max         INTEGER NOT NULL DEFAULT 63,         -- characters, between dots
    bucket_max_dotted  INTEGER NOT NULL DEFAULT 63,         -- characters in all, where there are dots
    bucket_dots        TEXT    NOT NULL DEFAULT 'refused',  -- 'invalid', 'refused' or 'allowed'
    bucket_underscores TEXT    NOT NULL DEFAULT 'invalid',  -- 'invalid' or 'refused'
    bucket_capitals    TEXT    NOT NULL DEFAULT 'invalid',  -- 'invalid' or 'refused'
    -- Patterns with spaces between; * is any characters, # one or more digits, !PATTERN takes names out of what follows.
    bucket_like        TEXT    NOT NULL DEFAULT '',         -- each bucket matches one; '': any does
    bucket_never       TEXT    NOT NULL DEFAULT '',         -- no bucket matches: invalid
    bucket_elsewhere   TEXT    NOT NULL DEFAULT '',         -- those that match have no host here: refused
    bucket_dotted      TEXT    NOT NULL DEFAULT '',         -- '*.appspot.com': dotted names that have a host; * is a label
    not_buckets        TEXT    NOT NULL DEFAULT '',         -- first segments of paths that are no bucket: storage/v1
    bare_host          TEXT    NOT NULL DEFAULT 'allowed',  -- such a host without a path: 'allowed', 'refused', 'invalid'
    host_allows        TEXT    NOT NULL DEFAULT '',         -- what the whole host opens; '': it is not offered instead
    note               TEXT    NOT NULL DEFAULT '',         -- sentences: the caveat, or the reason and the way out
    clients            TEXT    NOT NULL DEFAULT '',         -- sentences for `pinhole explain`: who uses the bucket's host
    CONSTRAINT provider_has_a_host CHECK (path_style IS NOT NULL OR virtual_host IS NOT NULL),
    CONSTRAINT provider_bucket_sizes CHECK (bucket_min >= 1 AND bucket_max >= bucket_min AND bucket_max_dotted >= 1),
    CONSTRAINT provider_bucket_dots CHECK (bucket_dots IN ('invalid', 'refused', 'allowed')),
    CONSTRAINT provider_bucket_underscores CHECK (bucket_underscores IN ('invalid', 'refused')),
    CONSTRAINT provider_bucket_capitals CHECK (bucket_capitals IN ('invalid', 'refused')),
    CONSTRAINT provider_bare_host CHECK (bare_host IN ('allowed', 'refused', 'invalid'))
) STRICT, WITHOUT ROWID;

-- Explains a row that can't be read. INSERT and UPDATE send rows here; nothing is ever stored.
CREATE VIEW explain_provider (path_style, virtual_host, path, dots, underscores, capitals, bare_host)
    AS SELECT '', '', '', '', '', '', '' WHERE 0;

CREATE TRIGGER explain_provider_insert INSTEAD OF INSERT ON explain_provider BEGIN
    SELECT CASE
        WHEN NEW.path_style IS NULL AND NEW.virtual_host IS NULL THEN
            RAISE(ABORT, 'a provider needs a host: type its path_style, as in https://s3.example.com/{bucket}/, its virtual_host, as in {bucket}.s3.example.com, or both')
        WHEN NEW.path_style NOT GLOB 'https://?*' OR NEW.path NOT IN ('', '/', '/{bucket}', '/{bucket}/') THEN
            RAISE(ABORT, 'path_style can''t be read: type the endpoint''s URL with the bucket as its path, as in https://s3.{region}.example.com/{bucket}/, or without {bucket} where no path has a host name')
        WHEN NEW.virtual_host NOT GLOB '{bucket}.?*' OR NEW.virtual_host GLOB '*/*' THEN
            RAISE(ABORT, 'virtual_host can''t be read: type the bucket''s host with {bucket} as its first label, as in {bucket}.s3.{region}.example.com')
        WHEN NEW.path GLOB '/{bucket}*' AND NEW.virtual_host IS NULL THEN
            RAISE(ABORT, 'path_style has a {bucket} but virtual_host is NULL: type the bucket''s host, as in {bucket}.s3.example.com, or leave {bucket} out of path_style where buckets have none')
        WHEN NEW.dots NOT IN ('invalid', 'refused', 'allowed') THEN
            RAISE(ABORT, 'bucket_dots is not known: type ''invalid'', ''refused'' or ''allowed''')
        WHEN NEW.underscores NOT IN ('invalid', 'refused') OR NEW.capitals NOT IN ('invalid', 'refused') THEN
            RAISE(ABORT, 'bucket_underscores or bucket_capitals is not known: type ''invalid'' or ''refused''')
        WHEN NEW.bare_host NOT IN ('allowed', 'refused', 'invalid') THEN
            RAISE(ABORT, 'bare_host is not known: type ''allowed'', ''refused'' or ''invalid''')
    END;
END;

CREATE TRIGGER provider_insert_explains BEFORE INSERT ON provider BEGIN
    INSERT INTO explain_provider VALUES (NEW.path_style, NEW.virtual_host,
        CASE WHEN instr(substr(NEW.path_style, 9), '/') = 0 THEN ''
             ELSE substr(NEW.path_style, 8 + instr(substr(NEW.path_style, 9), '/')) END,
        NEW.bucket_dots, NEW.bucket_underscores, NEW.bucket_capitals, NEW.bare_host);
END;

CREATE TRIGGER provider_update_explains BEFORE UPDATE ON provider BEGIN
    INSERT INTO explain_provider VALUES (NEW.path_style, NEW.virtual_host,
        CASE WHEN instr(substr(NEW.path_style, 9), '/') = 0 THEN ''
             ELSE substr(NEW.path_style, 8 + instr(substr(NEW.path_style, 9), '/')) END,
        NEW.bucket_dots, NEW.bucket_underscores, NEW.bucket_capitals, NEW.bare_host);
END;

-- Google Cloud Storage. A bucket's name may have underscores, which certificate checks of many clients refuse.
INSERT INTO provider (name, path_style, virtual_host, bucket_max_dotted, bucket_underscores, bucket_dotted, not_buckets, note, clients)
SELECT column1, 'https://' || column2 || '/{bucket}/', '{bucket}.' || column2, 222, 'refused', column3,
       'storage/v1 upload/storage/v1 download/storage/v1 batch/storage/v1 resumable/storage/v1 resumable/upload'
       || ' upload/v1 download/v1 batch/v1 resumable/v1 google.storage.v2.Storage',
       'Google''s own clients (the google-cloud-storage libraries, gcloud storage, gcsfuse, Terraform) speak the JSON API or gRPC'
       || ' to ' || column2 || ' and never use a bucket''s host: use the XML API or an S3 client with HMAC keys and virtual-hosted'
       || ' addressing.',
       'Use the bucket''s host: S3 clients with HMAC keys and virtual-hosted addressing (endpoint https://' || column2 || '), plain XML'
       || ' API requests, virtual-hosted signed URLs, gsutil with prefer_api=xml and SubdomainCallingFormat, rclone''s s3 backend.'
       || ' Cannot: google-cloud-storage (JSON), gcloud storage, gcsfuse, Terraform''s gcs backend, rclone''s gcs backend, Rust object_store.'
FROM (VALUES ('Google Cloud Storage', 'storage.googleapis.com', '*.appspot.com'), ('S3NS', 'storage.s3nsapis.fr', ''));

INSERT INTO provider (name, path_style, placeholders, host_allows, note) VALUES
    ('Google APIs', 'https://{api}.googleapis.com/', '', 'every resource of that API, of every customer',
     'Google''s APIs name project and resource in the path; limit them with VPC Service Controls and IAM.'),
    ('Google APIs, www host', 'https://www.googleapis.com/', '', '',
     'Many APIs share this host, the older JSON host of Cloud Storage among them: for a bucket type https://storage.googleapis.com/BUCKET/ and use the XML API.'),
    ('Google private access host', 'https://private.googleapis.com/', '', '',
     'It is one address for all Google APIs: type the URL at the API''s own host, as https://storage.googleapis.com/BUCKET/.'),
    ('Google restricted access host', 'https://restricted.googleapis.com/', '', '',
     'It is one address for all Google APIs: type the URL at the API''s own host, as https://storage.googleapis.com/BUCKET/.'),
    ('Google Cloud Storage, mTLS host', 'https://storage.mtls.googleapis.com/', '', '',
     'Its certificate covers no bucket''s host: type https://storage.googleapis.com/BUCKET/.'),
    ('Google Cloud Storage, older name', 'https://commondatastorage.googleapis.com/', '', '',
     'It is an older name of the service: type https://storage.googleapis.com/BUCKET/.'),
    ('Google Cloud Storage, regional endpoint', 'https://storage.{location}.rep.googleapis.com/', '', 'every bucket of every customer in that location',
     'Regional endpoints have no host for each bucket: type https://storage.googleapis.com/BUCKET/.'),
    ('Google Cloud Storage, Private Service Connect', 'https://storage-{name}.p.googleapis.com/', '', 'every bucket of every customer',
     'Private Service Connect endpoints have no host for each bucket: type https://storage.googleapis.com/BUCKET/.'),
    ('Google Cloud Storage, browser downloads', 'https://storage.cloud.google.com/', '', 'every bucket of every customer',
     'Downloads with a browser''s cookies name the bucket in the path alone: type https://storage.googleapis.com/BUCKET/.'),
    ('Firebase Storage', 'https://firebasestorage.googleapis.com/', '', 'every bucket of every Firebase project',
     'Firebase names the bucket in the path alone; its bucket is one of Cloud Storage too: type https://storage.googleapis.com/BUCKET/ where its name has no dot.'),
    ('Vertex AI', 'https://{region}-aiplatform.googleapis.com/', '', 'every project in that region',
     'Region at most is in the host; project and model are in the path.'),
    ('Google Artifact Registry', 'https://{region}-docker.pkg.dev/', '', 'every repository of every project in that region',
     'Project and repository are in the path; layers come from storage.googleapis.com too.'),
    ('Google Container Registry', 'https://gcr.io/', '', 'every repository of every project',
     'The project is in the path; layers come from storage.googleapis.com too.');

-- Amazon S3. What is common to all its rows.
CREATE TABLE s3 AS SELECT
    'region=af-south-1,ap-east-1,ap-east-2,ap-northeast-1,ap-northeast-2,ap-northeast-3,ap-south-1,ap-south-2,ap-southeast-1,'
    || 'ap-southeast-2,ap-southeast-3,ap-southeast-4,ap-southeast-5,ap-southeast-6,ap-southeast-7,ca-central-1,ca-west-1,'
    || 'eu-central-1,eu-central-2,eu-north-1,eu-south-1,eu-south-2,eu-west-1,eu-west-2,eu-west-3,il-central-1,me-central-1,'
    || 'me-south-1,mx-central-1,sa-east-1,us-east-1,us-east-2,us-gov-east-1,us-gov-west-1,us-west-1,us-west-2' AS regions,
    'region=cn-north-1,cn-northwest-1' AS china,
    'region=eusc-de-east-1' AS europe,
    'xn--* sthree-* amzn-s3-demo-* *.mrap !*-#-*-an *-an' AS never,
    '*--x-s3 *--op-s3 *--ol-s3 *--table-s3' AS elsewhere,
    'Use the bucket''s host: the AWS CLI and SDKs at their defaults (virtual-hosted addressing), hadoop s3a, s3fs, rclone, s3cmd,'
    || ' Terraform. Do not: boto3 and the AWS CLI with an endpoint_url, unless addressing_style is virtual; goofys without --subdomain;'
    || ' Rust object_store without virtual_hosted_style_request. Listing all buckets goes to the endpoint.' AS clients;

-- Names that were made in us-east-1 before 2018 may have capitals, underscores and 255 characters.
INSERT INTO provider (name, path_style, virtual_host, placeholders, bucket_max, bucket_max_dotted, bucket_underscores, bucket_capitals,
                      bucket_never, bucket_elsewhere, clients)
SELECT column1, 'https://' || column2 || '/{bucket}/', '{bucket}.' || column2, coalesce(column3, s3.regions),
       CASE column4 WHEN 'old' THEN 255 ELSE 63 END, CASE column4 WHEN 'old' THEN 255 ELSE 63 END,
       CASE column4 WHEN 'old' THEN 'refused' ELSE 'invalid' END, CASE column4 WHEN 'old' THEN 'refused' ELSE 'invalid' END,
       s3.never, s3.elsewhere, s3.clients
FROM s3, (VALUES
    ('Amazon S3', 's3.{region}.amazonaws.com', NULL, ''),
    ('Amazon S3, dash', 's3-{region}.amazonaws.com', NULL, ''),
    ('Amazon S3, dual stack', 's3.dualstack.{region}.amazonaws.com', NULL, ''),
    ('Amazon S3, FIPS', 's3-fips.{region}.amazonaws.com', NULL, ''),
    ('Amazon S3, FIPS, dual stack', 's3-fips.dualstack.{region}.amazonaws.com', NULL, ''),
    ('Amazon S3, global', 's3.amazonaws.com', '', 'old'),
    ('Amazon S3, us-east-1', 's3.us-east-1.amazonaws.com', '', 'old'),
    ('Amazon S3, external', 's3-external-1.amazonaws.com', '', 'old'),
    ('Amazon S3, us-east-1, dash', 's3-us-east-1.amazonaws.com', '', 'old'),
    ('Amazon S3, us-east-1, dual stack', 's3.dualstack.us-east-1.amazonaws.com', '', 'old'),
    ('Amazon S3, us-east-1, FIPS', 's3-fips.us-east-1.amazonaws.com', '', 'old'),
    ('Amazon S3, us-east-1, FIPS, dual stack', 's3-fips.dualstack.us-east-1.amazonaws.com', '', 'old'),
    ('Amazon S3, China', 's3.{region}.amazonaws.com.cn', (SELECT china FROM s3), ''),
    ('Amazon S3, China, dual stack', 's3.dualstack.{region}.amazonaws.com.cn', (SELECT china FROM s3), ''),
    ('Amazon S3, Europe', 's3.{region}.amazonaws.eu', (SELECT europe FROM s3), ''),
    ('Amazon S3, Europe, dual stack', 's3.dualstack.{region}.amazonaws.eu', (SELECT europe FROM s3), ''),
    ('Amazon S3, Europe, FIPS', 's3-fips.{region}.amazonaws.eu', (SELECT europe FROM s3), ''),
    ('Amazon S3, Europe, FIPS, dual stack', 's3-fips.dualstack.{region}.amazonaws.eu', (SELECT europe FROM s3), ''));

UPDATE provider SET note = 'A bucket of another region answers there with a redirect to its own host, which needs a rule too.'
 WHERE name = 'Amazon S3, global';

-- Hosts of Amazon S3 that have no path-style form: theirs alone may be typed.
INSERT INTO provider (name, path_style, virtual_host, placeholders, bucket_min, bucket_max, bucket_never, host_allows, note)
SELECT column1, column2, column3, s3.regions, 1, 63, '', column4, column5 FROM s3, (VALUES
    ('Amazon S3 Transfer Acceleration', 'https://s3-accelerate.amazonaws.com/', '{bucket}.s3-accelerate.amazonaws.com', '',
     'Acceleration takes no bucket in the path: type BUCKET.s3-accelerate.amazonaws.com.'),
    ('Amazon S3 Transfer Acceleration, dual stack', 'https://s3-accelerate.dualstack.amazonaws.com/', '{bucket}.s3-accelerate.dualstack.amazonaws.com', '',
     'Acceleration takes no bucket in the path: type BUCKET.s3-accelerate.dualstack.amazonaws.com.'),
    ('Amazon S3 access point', 'https://s3-accesspoint.{region}.amazonaws.com/', '{bucket}.s3-accesspoint.{region}.amazonaws.com', '',
     'An access point has a host of its own: type NAME-ACCOUNT.s3-accesspoint.REGION.amazonaws.com.'),
    ('Amazon S3 access point, dual stack', 'https://s3-accesspoint.dualstack.{region}.amazonaws.com/', '{bucket}.s3-accesspoint.dualstack.{region}.amazonaws.com', '',
     'An access point has a host of its own: type NAME-ACCOUNT.s3-accesspoint.dualstack.REGION.amazonaws.com.'),
    ('Amazon S3 access point, FIPS', 'https://s3-accesspoint-fips.{region}.amazonaws.com/', '{bucket}.s3-accesspoint-fips.{region}.amazonaws.com', '',
     'An access point has a host of its own: type NAME-ACCOUNT.s3-accesspoint-fips.REGION.amazonaws.com.'),
    ('Amazon S3 access point, FIPS, dual stack', 'https://s3-accesspoint-fips.dualstack.{region}.amazonaws.com/', '{bucket}.s3-accesspoint-fips.dualstack.{region}.amazonaws.com', '',
     'An access point has a host of its own: type NAME-ACCOUNT.s3-accesspoint-fips.dualstack.REGION.amazonaws.com.'),
    ('Amazon S3 Object Lambda', 'https://s3-object-lambda.{region}.amazonaws.com/', '{bucket}.s3-object-lambda.{region}.amazonaws.com', '',
     'An access point has a host of its own: type NAME-ACCOUNT.s3-object-lambda.REGION.amazonaws.com.'),
    ('Amazon S3 Object Lambda, FIPS', 'https://s3-object-lambda-fips.{region}.amazonaws.com/', '{bucket}.s3-object-lambda-fips.{region}.amazonaws.com', '',
     'An access point has a host of its own: type NAME-ACCOUNT.s3-object-lambda-fips.REGION.amazonaws.com.'),
    ('Amazon S3 multi-region access point', NULL, '{bucket}.mrap.accesspoint.s3-global.amazonaws.com', '', ''),
    ('Amazon S3 Express', NULL, '{bucket}.s3express-{zone}.{region}.amazonaws.com', '', ''),
    ('Amazon S3 Express, dual stack', NULL, '{bucket}.s3express-{zone}.dualstack.{region}.amazonaws.com', '', ''),
    ('Amazon S3 Express, FIPS', NULL, '{bucket}.s3express-fips-{zone}.{region}.amazonaws.com', '', ''),
    ('Amazon S3 Express, FIPS, dual stack', NULL, '{bucket}.s3express-fips-{zone}.dualstack.{region}.amazonaws.com', '', ''),
    ('Amazon S3 Express control', 'https://s3express-control.{region}.amazonaws.com/', NULL, 'every directory bucket of that region',
     'The control plane names the bucket in the path alone; its objects are at BUCKET.s3express-ZONE.REGION.amazonaws.com.'),
    ('Amazon S3 on Outposts', NULL, '{bucket}.{outpost}.s3-outposts.{region}.amazonaws.com', '', ''));

INSERT INTO provider (name, path_style, virtual_host, placeholders, bare_host, note)
SELECT column1, column2, column3, s3.regions, 'refused',
       'Website endpoints speak plain http:// only, which carries no server name: allow the bucket''s host, as BUCKET.s3.REGION.amazonaws.com, or a CDN before it.'
FROM s3, (VALUES
    ('Amazon S3 website, dash', 'https://s3-website-{region}.amazonaws.com/', '{bucket}.s3-website-{region}.amazonaws.com'),
    ('Amazon S3 website', 'https://s3-website.{region}.amazonaws.com/', '{bucket}.s3-website.{region}.amazonaws.com'));

INSERT INTO provider (name, path_style, placeholders, host_allows, note)
SELECT column1, column2, s3.regions, column3, column4 FROM s3, (VALUES
    ('Amazon S3 PrivateLink', 'https://{kind}.vpce-{id}.s3.{region}.vpce.amazonaws.com/', 'every bucket that the endpoint''s policy lets through',
     'Interface endpoints take the bucket in the path: limit them with the endpoint''s policy.'),
    ('Amazon ECR', 'https://{account}.dkr.ecr.{region}.amazonaws.com/', 'every repository of that account',
     'The account is in the host, the repository in the path; layers come from an S3 bucket that all accounts share.'),
    ('Amazon API Gateway', 'https://{api}.execute-api.{region}.amazonaws.com/', 'every stage of that API',
     'The API is in the host, its stage in the path: give what is to be kept apart an API of its own.'),
    ('Amazon Bedrock', 'https://bedrock-runtime.{region}.amazonaws.com/', 'every model in that region',
     'The model is in the path: limit it with IAM.'),
    ('Amazon SQS', 'https://sqs.{region}.amazonaws.com/', 'every queue of every account in that region',
     'Account and queue are in the path: limit them with a VPC endpoint''s policy.'));

INSERT INTO provider (name, path_style, host_allows, note) VALUES
    ('Amazon ECR Public', 'https://public.ecr.aws/', 'every public repository', 'Alias and repository are in the path: mirror what you need into a registry of your own.');
DROP TABLE s3;

-- Azure Storage: the account is the host, all below it the path.
INSERT INTO provider (name, path_style, placeholders, host_allows, note)
SELECT 'Azure Storage, ' || service.column1 || suffix.column1, 'https://{account}' || suffix.column3 || '.' || service.column1 || '.' || suffix.column2 || '/',
       'account=lower{3,24}', 'all containers, shares, queues and tables of that account''s ' || service.column1 || ' service',
       'The account is the host; container, share, queue and table are in the path: to keep a container apart, give it a storage account of its own.'
FROM (VALUES ('blob'), ('dfs'), ('file'), ('queue'), ('table')) AS service,
     (VALUES ('', 'core.windows.net', ''), (', secondary', 'core.windows.net', '-secondary'),
             (', US government', 'core.usgovcloudapi.net', ''), (', China', 'core.chinacloudapi.cn', '')) AS suffix;

INSERT INTO provider (name, path_style, bare_host, note)
SELECT 'Azure Storage, ' || column1 || ', other names', 'https://{account}.' || column1 || '.core.windows.net/', 'invalid',
       'A storage account''s name has 3 to 24 small letters and digits.'
FROM (VALUES ('blob'), ('dfs'), ('file'), ('queue'), ('table'));

INSERT INTO provider (name, path_style, placeholders, host_allows, note)
SELECT 'Azure Storage, ' || column1 || ', DNS zone', 'https://{account}.{zone}.' || column1 || '.storage.azure.net/', 'account=lower{3,24} zone=z#',
       'all containers, shares, queues and tables of that account''s ' || column1 || ' service',
       'The account is the host; container, share, queue and table are in the path: to keep a container apart, give it a storage account of its own.'
FROM (VALUES ('blob'), ('dfs'), ('file'), ('queue'), ('table'), ('web'));

INSERT INTO provider (name, path_style, placeholders, host_allows, note) VALUES
    ('Azure static website', 'https://{account}.{zone}.web.core.windows.net/', 'account=lower{3,24} zone=z#', 'the whole website of that account', 'The account is the host.'),
    ('Azure OpenAI', 'https://{resource}.openai.azure.com/', '', 'every deployment of that resource',
     'The resource is the host, the deployment is in the path: give a deployment a resource of its own.');

-- Object stores with a host for each bucket, and the S3 rules for its name unless something else is said.
INSERT INTO provider (name, path_style, virtual_host, placeholders, bucket_min, bucket_max, bucket_dots, bucket_like, bucket_never, note)
SELECT column1, 'https://' || column2 || '/{bucket}/', '{bucket}.' || column2, column3, column4, column5, column6, column7, column8, column9 FROM (VALUES
    ('Cloudflare R2', '{account}.r2.cloudflarestorage.com', 'account=hex{32}', 3, 64, 'invalid', '', '', ''),
    ('Cloudflare R2, European Union', '{account}.eu.r2.cloudflarestorage.com', 'account=hex{32}', 3, 64, 'invalid', '', '', ''),
    ('Cloudflare R2, FedRAMP', '{account}.fedramp.r2.cloudflarestorage.com', 'account=hex{32}', 3, 64, 'invalid', '', '', ''),
    ('DigitalOcean Spaces', '{region}.digitaloceanspaces.com', 'region=ams2,ams3,atl1,blr1,fra1,lon1,nyc1,nyc2,nyc3,ric1,sfo1,sfo2,sfo3,sgp1,syd1,tor1', 3, 63, 'refused', '', '', ''),
    ('Backblaze B2', 's3.{region}.backblazeb2.com', 'region=us-west-#,us-east-#,eu-central-#,ca-east-#', 6, 63, 'invalid', '', 'b2*', ''),
    ('Wasabi', 's3.{region}.wasabisys.com', 'region=us-east-1,us-east-2,us-central-1,us-west-1,us-west-2,ca-central-1,eu-central-1,eu-central-2,eu-west-1,eu-west-2,eu-west-3,'
     || 'eu-south-1,ap-northeast-1,ap-northeast-2,ap-southeast-1,ap-southeast-2,nl-#,de-#,uk-#,fr-#,it-#', 3, 63, 'refused', '', 'xn--* sthree-*',
     'Wasabi recommends path style, so clients are often set up that way: switch them to virtual-hosted addressing.'),
    ('Wasabi, us-east-1', 's3.wasabisys.com', '', 3, 63, 'refused', '', 'xn--* sthree-*',
     'Wasabi recommends path style, so clients are often set up that way: switch them to virtual-hosted addressing.'),
    ('Linode Object Storage', '{cluster}.linodeobjects.com', 'cluster=nl-ams-#,us-southeast-#,in-maa-#,in-bom-#,us-ord-#,eu-central-#,id-cgk-#,gb-lon-#,us-lax-#,es-mad-#,'
     || 'au-mel-#,us-mia-#,it-mil-#,us-east-#,jp-osa-#,jp-tyo-#,fr-par-#,br-gru-#,us-sea-#,ap-south-#,sg-sin-#,se-sto-#,us-iad-#,de-fra-#', 3, 63, 'refused', '', '', ''),
    ('Alibaba OSS', 'oss-{region}.aliyuncs.com', 'region=accelerate,accelerate-overseas,cn-hangzhou,cn-shanghai,cn-qingdao,cn-beijing,cn-zhangjiakou,cn-huhehaote,cn-wulanchabu,'
     || 'cn-shenzhen,cn-heyuan,cn-guangzhou,cn-chengdu,cn-nanjing,cn-fuzhou,cn-wuhan-lr,cn-zhengzhou-jva,cn-hongkong,us-west-1,us-east-1,us-southeast-1,na-south-1,'
     || 'ap-southeast-#,ap-northeast-#,ap-south-1,eu-central-1,eu-west-1,me-east-1,me-central-1', 3, 63, 'invalid', '', '', ''),
    ('Tencent COS', 'cos.{region}.myqcloud.com', 'region=accelerate,ap-beijing,ap-beijing-1,ap-beijing-fsi,ap-nanjing,ap-shanghai,ap-shanghai-fsi,ap-guangzhou,ap-shenzhen-fsi,ap-chengdu,'
     || 'ap-chongqing,ap-hongkong,ap-singapore,ap-mumbai,ap-seoul,ap-bangkok,ap-tokyo,ap-jakarta,na-siliconvalley,na-ashburn,na-toronto,sa-saopaulo,eu-frankfurt,eu-moscow', 3, 63, 'invalid', '*-#', '', ''),
    ('Huawei OBS', 'obs.{region}.myhuaweicloud.com', 'region=af-south-#,af-north-#,ap-southeast-#,cn-east-#,cn-north-#,cn-south-#,cn-southwest-#,sa-argentina-#,sa-peru-#,sa-chile-#,sa-brazil-#,'
     || 'na-mexico-#,la-north-#,la-south-#,ru-northwest-#,ru-moscow-#,me-east-#,tr-west-#', 3, 63, 'refused', '', '', ''),
    ('Scaleway', 's3.{region}.scw.cloud', 'region=nl-ams,fr-par,pl-waw,it-mil', 3, 63, 'refused', '', '', ''),
    ('OVHcloud', 's3.{region}.io.cloud.ovh.net', 'region=gra,rbx,sbg,eu-west-par,eu-south-mil,de,uk,waw,bhs,ca-east-tor,sgp,ap-southeast-syd,ap-south-mum,rbx-archive', 3, 63, 'refused', '', '', ''),
    ('OVHcloud, United States', 's3.{region}.io.cloud.ovh.us', 'region=us-east-va,us-west-or', 3, 63, 'refused', '', '', ''),
    ('Hetzner', '{location}.your-objectstorage.com', 'location=fsn1,hel1,nbg1', 3, 63, 'refused', '', '', ''),
    ('Tigris', 't3.storage.dev', '', 3, 63, 'refused', '', 'xn--* sthree-* amzn-s3-demo-*', ''),
    ('Tigris on Fly', 'fly.storage.tigris.dev', '', 3, 63, 'refused', '', 'xn--* sthree-* amzn-s3-demo-*', ''),
    ('Vultr', '{region}.vultrobjects.com', 'region=ams#,atl#,blr#,bom#,del#,ewr#,fra#,hnl#,lax#,lhr#,man#,mia#,nrt#,ord#,sea#,sgp#,sjc#,sto#,syd#,waw#', 3, 63, 'refused', '', '', ''),
    ('Exoscale', 'sos-{zone}.exo.io', 'zone=ch-gva-2,ch-dk-2,at-vie-1,at-vie-2,de-fra-1,de-muc-1,bg-sof-1,hr-zag-1', 3, 63, 'refused', '', '', ''),
    ('Storj', 'gateway.storjshare.io', '', 3, 63, 'refused', '', '', ''),
    ('IBM Cloud Object Storage', 's3.{location}.cloud-object-storage.appdomain.cloud', 'location=' || 'us,eu,ap,us-east,us-south,eu-gb,eu-de,eu-es,eu-fr2,jp-tok,jp-osa,in-che,in-mum,au-syd,ca-tor,ca-mon,br-sao,ams03,che01,mel01,osl01,tor01,seo01,mon01,mex01,sjc04,mil01,hkg02,par01,sng01', 3, 63, 'refused', '', '', ''),
    ('IBM Cloud Object Storage, city', 's3.{city}.{geography}.cloud-object-storage.appdomain.cloud', 'city=dal,wdc,sjc,fra,mil,ams,tok,hkg,seo,osa,syd,mad geography=us,eu,ap', 3, 63, 'refused', '', '', ''),
    ('IBM Cloud Object Storage, private', 's3.{network}.{location}.cloud-object-storage.appdomain.cloud', 'network=private,direct location=' || 'us,eu,ap,us-east,us-south,eu-gb,eu-de,eu-es,eu-fr2,jp-tok,jp-osa,in-che,in-mum,au-syd,ca-tor,ca-mon,br-sao,ams03,che01,mel01,osl01,tor01,seo01,mon01,mex01,sjc04,mil01,hkg02,par01,sng01', 3, 63, 'refused', '', '', ''),
    ('IBM Cloud Object Storage, private, city', 's3.{network}.{city}.{geography}.cloud-object-storage.appdomain.cloud', 'network=private,direct city=dal,wdc,sjc,fra,mil,ams,tok,hkg,seo,osa,syd,mad geography=us,eu,ap', 3, 63, 'refused', '', '', ''));

UPDATE provider SET clients = 'Use the bucket''s host: S3 clients with virtual-hosted addressing. boto3 and the AWS CLI with an endpoint_url need addressing_style = virtual;'
    || ' AWS SDK for JavaScript v3 does so by itself; rclone for most stores; s5cmd can''t; minio-go and mc need BucketLookupDNS; goofys needs --subdomain.'
    || ' Listing all buckets goes to the endpoint.'
 WHERE clients = '' AND virtual_host IS NOT NULL AND path_style GLOB '*/{bucket}/';

-- A host for each bucket that only it may be typed as: a path at the endpoint could lead elsewhere.
INSERT INTO provider (name, path_style, virtual_host, placeholders, bucket_min, host_allows, note) VALUES
    ('Cloudflare R2, public bucket', NULL, '{bucket}.r2.dev', '', 1, '', ''),
    ('DigitalOcean Spaces CDN', NULL, '{bucket}.{region}.cdn.digitaloceanspaces.com', '', 3, '', ''),
    ('Linode website', NULL, '{bucket}.website-{cluster}.linodeobjects.com', '', 3, '', ''),
    ('Oracle Object Storage, bucket host', NULL, '{bucket}.vhcompat.objectstorage.{region}.oci.customer-oci.com', '', 3, '', ''),
    ('Selectel', 'https://s3.{pool}.storage.selcloud.ru/', '{bucket}.s3.{pool}.storage.selcloud.ru', '', 3, 'every bucket of every customer in that pool',
     'Whether a bucket has a host is a switch of the bucket''s, off for older ones: switch it on and type BUCKET.s3.POOL.storage.selcloud.ru.');

-- No host name for a path.
INSERT INTO provider (name, path_style, host_allows, note) VALUES
    ('Oracle Object Storage, S3 interface', 'https://{namespace}.compat.objectstorage.{region}.oci.customer-oci.com/', 'every bucket of that namespace',
     'The namespace is missing from a bucket''s host, so that it could be another customer''s: where the bucket was made for region scope, type BUCKET.vhcompat.objectstorage.REGION.oci.customer-oci.com.'),
    ('Oracle Object Storage, S3 interface, older', 'https://{namespace}.compat.objectstorage.{region}.oraclecloud.com/', 'every bucket of that namespace',
     'The namespace is missing from a bucket''s host, so that it could be another customer''s: where the bucket was made for region scope, type BUCKET.vhcompat.objectstorage.REGION.oci.customer-oci.com.'),
    ('Oracle Object Storage, native', 'https://objectstorage.{region}.oraclecloud.com/', 'every bucket of every customer in that region',
     'Namespace and bucket are in the path: use the namespace''s own host, or BUCKET.vhcompat.objectstorage.REGION.oci.customer-oci.com.'),
    ('Oracle Object Storage, namespace', 'https://{namespace}.objectstorage.{region}.oci.customer-oci.com/', 'every bucket of that namespace',
     'The bucket is in the path: where it was made for region scope, type BUCKET.vhcompat.objectstorage.REGION.oci.customer-oci.com.'),
    ('Backblaze B2, native downloads', 'https://f{cluster}.backblazeb2.com/', 'every bucket of every customer in that cluster',
     'The native API names the bucket in the path: use the S3 interface and type https://s3.REGION.backblazeb2.com/BUCKET/.'),
    ('Backblaze B2, native API', 'https://api.backblazeb2.com/', 'every bucket of every customer',
     'The native API names the bucket in the path: use the S3 interface and type https://s3.REGION.backblazeb2.com/BUCKET/.'),
    ('IBM Cloud Object Storage, configuration', 'https://config.cloud-object-storage.cloud.ibm.com/', 'the configuration of every bucket of every customer',
     'The configuration API names the bucket in the path; its objects are at https://s3.LOCATION.cloud-object-storage.appdomain.cloud/BUCKET/.'),
    ('Supabase Storage', 'https://{project}.storage.supabase.co/', 'every bucket of that project',
     'Supabase works with path style alone: give what is to be kept apart a project of its own.'),
    ('Supabase', 'https://{project}.supabase.co/', 'everything of that project', 'The project is the host, the bucket is in the path: give what is to be kept apart a project of its own.'),
    ('Docker Hub', 'https://registry-1.docker.io/', 'every image', 'The repository is in the path: mirror what you need into a registry of your own.'),
    ('GitHub Container Registry', 'https://ghcr.io/', 'every image', 'Owner and repository are in the path: mirror what you need into a registry of your own.'),
    ('Quay', 'https://quay.io/', 'every image', 'Owner and repository are in the path: mirror what you need into a registry of your own.'),
    ('GitLab Container Registry', 'https://registry.gitlab.com/', 'every image', 'Group and project are in the path: mirror what you need into a registry of your own.'),
    ('GitHub', 'https://github.com/', 'every repository of everybody', 'Owner and repository are in the path: mirror what you need to a host of your own.'),
    ('GitHub raw files', 'https://raw.githubusercontent.com/', 'every public file of everybody', 'Owner and repository are in the path: mirror what you need to a host of your own.'),
    ('GitHub archives', 'https://codeload.github.com/', 'every repository of everybody', 'Owner and repository are in the path: mirror what you need to a host of your own.'),
    ('GitHub API', 'https://api.github.com/', 'every repository that a token opens', 'Owner and repository are in the path: limit it with a token for one repository.'),
    ('GitHub Pages', 'https://{owner}.github.io/', 'all pages of that owner', 'The owner is the host, the project is in the path: serve a project from a host of its own.'),
    ('GitLab Pages', 'https://{group}.gitlab.io/', 'all pages of that group', 'The group is the host, the project is in the path: serve a project from a host of its own.'),
    ('PyPI', 'https://pypi.org/', 'every package', 'The package is in the path: run an index of your own with what you need.'),
    ('PyPI files', 'https://files.pythonhosted.org/', 'every package', 'The package is in the path: run an index of your own with what you need.'),
    ('npm', 'https://registry.npmjs.org/', 'every package', 'Scope and package are in the path: run a registry of your own with what you need.'),
    ('Hugging Face', 'https://huggingface.co/', 'every model and data set',
     'Owner and repository are in the path, and the files come from hosts that all share: mirror what you need to a bucket of your own.'),
    ('Hugging Face files', 'https://{cdn}.hf.co/', 'files of every repository', 'All repositories share this host: mirror what you need to a bucket of your own.'),
    ('OpenAI', 'https://api.openai.com/', 'the whole API, with whatever key', 'Project and model are not in the host: limit them with the key.'),
    ('Anthropic', 'https://api.anthropic.com/', 'the whole API, with whatever key', 'Workspace and model are not in the host: limit them with the key.');

-- An object store of your own (MinIO with MINIO_DOMAIN, Ceph with rgw_dns_name, and a wildcard DNS record and certificate):
--   INSERT INTO provider (name, path_style, virtual_host)
--   VALUES ('our store', 'https://s3.example.com/{bucket}/', '{bucket}.s3.example.com');

-- From here on, since who loads a policy for the first time reads the whole table.
CREATE TRIGGER provider_insert_logs AFTER INSERT ON provider BEGIN
    INSERT INTO policy_change ("table", "key") VALUES ('provider', NEW.name);
END;

CREATE TRIGGER provider_update_logs AFTER UPDATE ON provider BEGIN
    INSERT INTO policy_change ("table", "key") VALUES ('provider', NEW.name);
END;

CREATE TRIGGER provider_delete_logs AFTER DELETE ON provider BEGIN
    INSERT INTO policy_change ("table", "key") VALUES ('provider', OLD.name);
END;

-- An allow whose URL says less than any host name can is refused, unless its author accepts what the host allows.
ALTER TABLE rule ADD COLUMN widen INTEGER NOT NULL DEFAULT 0 CONSTRAINT rule_widen_is_0_or_1 CHECK (widen IN (0, 1));

CREATE TRIGGER rule_insert_explains_widen BEFORE INSERT ON rule WHEN NEW.widen NOT IN (0, 1) BEGIN
    SELECT RAISE(ABORT, 'widen is a switch: type 1 to accept that a host name allows more than the URL says, or 0');
END;

CREATE TRIGGER rule_update_explains_widen BEFORE UPDATE OF widen ON rule WHEN NEW.widen NOT IN (0, 1) BEGIN
    SELECT RAISE(ABORT, 'widen is a switch: type 1 to accept that a host name allows more than the URL says, or 0');
END;

CREATE TRIGGER rule_update_logs_widen AFTER UPDATE OF widen ON rule BEGIN
    INSERT INTO policy_change ("table", "key") VALUES ('rule', NEW.id);
    UPDATE rule SET updated_at = CAST(strftime('%s', 'now') AS INTEGER)
     WHERE id = NEW.id AND updated_at = OLD.updated_at;
END;

-- Derived data: Pinhole writes it anew. The triggers on `rule` that clean up after a rule stay as they are.
DROP TABLE rule_status;
CREATE TABLE rule_status (
    rule_id  INTEGER PRIMARY KEY,
    state    TEXT NOT NULL CONSTRAINT rule_status_state_is_known
             CHECK (state IN ('active', 'widened', 'refused', 'invalid', 'expired', 'disabled', 'shadowed')),
    hostname TEXT NOT NULL DEFAULT '',  -- the pattern in force, with its port where that is not 443
    reason   TEXT NOT NULL DEFAULT ''   -- for a person; an active rule has one only where its clients must be told something
) STRICT;

-- A target may be a URL with a path now. What may be a path is said before what may be a host.
DROP TRIGGER explain_target_insert;
DROP TRIGGER explain_place_insert;
CREATE VIEW explain_url (rest, is_whole) AS SELECT '', 0 WHERE 0;   -- without https://; is_whole: that stood there
CREATE VIEW explain_path (place, path)   AS SELECT '', '' WHERE 0;  -- behind the slash that ends the host

CREATE TRIGGER explain_target_insert INSTEAD OF INSERT ON explain_target BEGIN
    SELECT CASE
        WHEN coalesce(trim(NEW.target), '') = '' THEN
            RAISE(ABORT, 'target is empty: type the host to reach, as in api.example.com')
        WHEN length(CAST(NEW.target AS BLOB)) <> length(NEW.target) THEN
            RAISE(ABORT, 'target is not ASCII: type an international name in its A-label form, as in xn--bcher-kva.example')
        WHEN NEW.target GLOB '*[^!-~]*' THEN
            RAISE(ABORT, 'target contains a space or a control character: type the host alone, as in api.example.com')
        WHEN NEW.target LIKE 'http://%' THEN
            RAISE(ABORT, 'target is plain http://, which carries no server name to check: type the host alone, as in api.example.com, and have the client use https')
        WHEN NEW.target LIKE '%://%' AND NEW.target NOT LIKE 'https://%' AND instr(NEW.target, '://') < instr(NEW.target, '/') THEN
            RAISE(ABORT, 'target has a scheme other than https: type the host alone, as in api.example.com')
        WHEN NEW.target LIKE 'https:%' AND NEW.target NOT LIKE 'https://%' THEN
            RAISE(ABORT, 'target has https: without two slashes: type https://, as in https://api.example.com/, or the host alone')
        WHEN NEW.target GLOB '*[?#]*' THEN
            RAISE(ABORT, 'target holds a query or a fragment, which the encryption hides: type the host alone, as in api.example.com')
        WHEN NEW.target GLOB '*\*' THEN
            RAISE(ABORT, 'target holds a backslash, which some clients read as a slash: type the slash')
    END;
    INSERT INTO explain_url (rest, is_whole) VALUES (
        CASE WHEN NEW.target LIKE 'https://%' THEN substr(NEW.target, 9) ELSE NEW.target END, NEW.target LIKE 'https://%');
END;

CREATE TRIGGER explain_url_insert INSTEAD OF INSERT ON explain_url BEGIN
    INSERT INTO explain_path (place, path) VALUES (
        CASE WHEN instr(NEW.rest, '/') = 0 THEN NEW.rest ELSE substr(NEW.rest, 1, instr(NEW.rest, '/') - 1) END,
        CASE WHEN instr(NEW.rest, '/') = 0 THEN '' ELSE substr(NEW.rest, instr(NEW.rest, '/') + 1) END);
    SELECT CASE
        WHEN instr(NEW.rest, '*') BETWEEN 1 AND instr(NEW.rest || '/', '/') AND (NEW.is_whole OR NEW.rest GLOB '*/*') THEN
            RAISE(ABORT, 'target is a URL with a * in its host: a URL names one host, so type the wildcard alone, as in *.example.com')
        WHEN instr(NEW.rest, '_') BETWEEN 1 AND instr(NEW.rest || '/', '/') AND (NEW.is_whole OR NEW.rest GLOB '*/*') THEN
            RAISE(ABORT, 'target is a URL with an underscore in its host: no URL''s host has one, so type the name alone where it is meant')
    END;
    INSERT INTO explain_place (place) VALUES (
        CASE WHEN NEW.is_whole THEN rtrim(substr(NEW.rest, 1, instr(NEW.rest || '/', '/') - 1), ':')
             ELSE substr(NEW.rest, 1, instr(NEW.rest || '/', '/') - 1) END);
END;

CREATE TRIGGER explain_path_insert INSTEAD OF INSERT ON explain_path BEGIN
    SELECT CASE
        WHEN NEW.place GLOB '*@*' THEN
            RAISE(ABORT, 'target holds a user name: leave out everything up to the @ and type the host alone, as in api.example.com')
        WHEN NEW.place = '' THEN
            RAISE(ABORT, 'target has no host: type one, as in api.example.com')
        WHEN NEW.path GLOB '/*' THEN
            RAISE(ABORT, 'target has two slashes behind its host: type one')
        WHEN NEW.path GLOB '*%' OR NEW.path GLOB '*%[0-9A-Fa-f]' OR NEW.path GLOB '*%[^0-9A-Fa-f]*' OR NEW.path GLOB '*%[0-9A-Fa-f][^0-9A-Fa-f]*' THEN
            RAISE(ABORT, 'target has a % that is not followed by two hexadecimal digits: type the character itself, or its code, as in %20')
        WHEN '/' || replace(lower(NEW.path), '%2e', '.') || '/' GLOB '*/./*' OR '/' || replace(lower(NEW.path), '%2e', '.') || '/' GLOB '*/../*' THEN
            RAISE(ABORT, 'target has a dot segment (. or ..) in its path, which clients treat differently: type the path that is meant')
    END;
END;

CREATE TRIGGER explain_place_insert INSTEAD OF INSERT ON explain_place BEGIN
    SELECT CASE
        WHEN NEW.place GLOB '*[[]*' OR NEW.place GLOB '*]*' OR NEW.place GLOB '*:*:*' THEN
            RAISE(ABORT, 'target is an IPv6 address: rules allow names, so type the host''s name, as in api.example.com')
    END;
    INSERT INTO explain_host (host, port) VALUES (
        CASE WHEN NEW.place GLOB '?*.' THEN substr(NEW.place, 1, length(NEW.place) - 1)
             WHEN NEW.place GLOB '?*.:*' THEN substr(NEW.place, 1, instr(NEW.place, ':') - 2)
             WHEN NEW.place GLOB '*:*' THEN substr(NEW.place, 1, instr(NEW.place, ':') - 1)
             ELSE NEW.place END,
        CASE WHEN NEW.place GLOB '*:*' THEN substr(NEW.place, instr(NEW.place, ':') + 1) ELSE '443' END);
END;
