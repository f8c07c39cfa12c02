// The texts of the page, in both languages side by side.
const texts = {
  cluster: ['Cluster', '클러스터'], groups: ['Groups', '그룹'], zookeeper: ['ZooKeeper', 'ZooKeeper'], transactions: ['Transactions', '트랜잭션'],
  configs: ['Configs', '설정'], quotas: ['Quotas', '할당량'], health: ['Health', '상태 점검'], partition: ['Partition', '파티션'],
  skip: ['Skip to content', '본문으로 건너뛰기'], views: ['Views', '화면'], language: ['Language', '언어'], theme: ['Colours', '색'],
  themeAuto: ['as the system', '시스템 설정'], themeLight: ['light', '밝게'], themeDark: ['dark', '어둡게'],
  lost: ['The connection to the broker is lost; trying again.', '브로커와 연결이 끊겼습니다. 다시 시도합니다.'],
  broker: ['Broker', '브로커'], controller: ['controller', '컨트롤러'], gone: ['gone', '없음'], noFigures: ['seen from outside', '밖에서 본 모습'],
  leads: ['leads', '리더'], holds: ['replicas', '복제본'], records: ['records/s', '레코드/초'], bytes: ['B/s', 'B/초'], dirFailed: ['a log directory has failed', '로그 디렉터리 고장'],
  leader: ['leader', '리더'], insync: ['in sync', 'ISR'], lagging: ['out of sync', '뒤처짐'], offline: ['offline', '오프라인'], legend: ['What the chips mean', '칩의 뜻'],
  filter: ['Filter topics', '토픽 거르기'], internal: ['internal topics', '내부 토픽'], more: ['{n} more: filter to see them', '{n}개 더: 걸러서 보기'], topics: ['topics', '토픽'],
  journal: ['Journal', '저널'], journalHelp: ['Each entry lights up what it touched.', '항목을 가리키면 관련된 것이 밝아집니다.'], noEntries: ['Nothing has happened yet.', '아직 아무 일도 없습니다.'],
  time: ['Go back in time', '시간 되돌리기'], live: ['live', '현재'], back: ['back to now', '현재로'], because: ['because', '원인'], kinds: ['Show', '보기'], all: ['everything', '모두'],
  stop: ['Stop', '멈추기'], start: ['Start', '시작'], stopBroker: ['Stop broker {n}', '{n}번 브로커 멈추기'], startBroker: ['Start broker {n}', '{n}번 브로커 시작'],
  throughput: ['Records a second, last two minutes', '초당 레코드 수, 최근 2분'], total: ['all brokers: {n} records/s', '모든 브로커: 초당 {n}개'],
  segments: ['Segments on disk', '디스크의 세그먼트'], segment: ['segment', '세그먼트'], active: ['active', '활성'], index: ['index', '인덱스'], offsets: ['Offsets of every replica', '복제본별 오프셋'],
  start_: ['log start', '로그 시작'], stable: ['last stable', '마지막 안정'], committed: ['high watermark', '하이 워터마크'], end: ['log end', '로그 끝'], size: ['size', '크기'], directory: ['directory', '디렉터리'],
  behind: ['behind', '뒤처짐'], batches: ['Batches and records', '배치와 레코드'], from: ['from offset', '오프셋부터'], latest: ['latest', '최근'], key: ['key', '키'], value: ['value', '값'], headers: ['headers', '헤더'],
  codec: ['codec', '압축'], producer: ['producer', '프로듀서'], sequence: ['sequence', '순번'], transactional: ['transactional', '트랜잭션'], marker: ['marker', '마커'], showInternal: ['Show records of this internal topic', '이 내부 토픽의 레코드 보기'],
  noReplica: ['No broker that this page sees from inside has a replica.', '이 페이지가 안에서 보는 브로커에는 복제본이 없습니다.'], none: ['none', '없음'], null_: ['null', 'null'], role: ['role', '역할'], follower: ['follower', '팔로워'],
  state: ['state', '상태'], members: ['members', '멤버'], member: ['member', '멤버'], lag: ['lag', '지연'], coordinator: ['coordinator', '코디네이터'], client: ['client', '클라이언트'], host: ['host', '호스트'], partitions: ['partitions', '파티션'], noGroups: ['There are no groups.', '그룹이 없습니다.'], machine: ['Where the group stands', '그룹의 현재 상태'], offset: ['committed', '커밋'], static_: ['static member', '고정 멤버'], recent: ['Last events', '최근 사건'],
  id: ['transactional id', '트랜잭션 ID'], open: ['open for', '열린 시간'], timeout: ['time-out', '제한 시간'], epoch: ['epoch', '에포크'], noTransactions: ['There are no transactional ids.', '트랜잭션 ID가 없습니다.'],
  source: ['from', '출처'], default_: ['default', '기본값'], change: ['a change needs', '바꾸려면'], meaning: ['meaning', '뜻'], hidden: ['(hidden)', '(숨김)'], search: ['Search', '검색'], ofBroker: ['of broker {n}', '{n}번 브로커'], ofTopic: ['of topic {n}', '{n} 토픽'], onlySet: ['only what is set', '설정된 것만'],
  'change:restart': ['a restart', '다시 시작'], 'change:dynamic': ['nothing: at once', '바로 적용'],
  resource: ['quota', '할당량'], user: ['user', '사용자'], use: ['use', '사용량'], throttled: ['throttled', '늦춤'], noQuotas: ['No client has a quota.', '할당량이 있는 클라이언트가 없습니다.'],
  healthy: ['Nothing to complain about.', '문제가 없습니다.'], subject: ['subject', '대상'], finding: ['finding', '내용'], severity: ['severity', '정도'], error: ['error', '오류'], warning: ['warning', '주의'],
  'f:noController': ['there is no controller', '컨트롤러가 없습니다'], 'f:brokerGone': ['is not registered in ZooKeeper', 'ZooKeeper에 등록되어 있지 않습니다'], 'f:dirFailed': ['a log directory has failed', '로그 디렉터리가 고장 났습니다'],
  'f:noLeader': ['has no leader: nobody can write or read', '리더가 없어 쓰거나 읽을 수 없습니다'], 'f:underReplicated': ['has fewer replicas in sync than it should', 'ISR이 복제본 수보다 적습니다'], 'f:notPreferred': ['is not led by its preferred replica', '선호 복제본이 리더가 아닙니다'],
  'f:oneReplica': ['has a single replica: its broker must not fail', '복제본이 하나뿐입니다'], 'f:longTransaction': ['has been open for more than half of its time-out', '제한 시간의 절반 넘게 열려 있습니다'], 'f:noZooKeeper': ['is not connected to ZooKeeper', 'ZooKeeper에 연결되어 있지 않습니다'],
  tree: ['Tree', '트리'], node: ['Node', '노드'], version: ['version', '버전'], created: ['created', '생성'], changed: ['changed', '변경'], owner: ['owner session', '소유 세션'], children: ['children', '자식'], length: ['bytes', '바이트'], empty: ['no value', '값 없음'], ownSession: ['the session of the broker that is asked', '지금 묻는 브로커의 세션'], fields: ['What the fields mean', '필드의 뜻'], secretNode: ['may hold credentials: not shown', '자격 증명이 있을 수 있어 보여 주지 않습니다'],
  failed: ['That did not work: {n}', '되지 않았습니다: {n}'], loading: ['Looking…', '불러오는 중…'],
};
// What the fields of Kafka's znodes mean.
export const znodeFields = {
  version: ['format of this node', '이 노드의 형식'], brokerid: ['the broker that is controller', '컨트롤러인 브로커'], timestamp: ['when it was written, ms since 1970', '쓴 시각 (1970년부터 ms)'],
  leader: ['the broker that leads the partition, -1 for none', '파티션의 리더 브로커, 없으면 -1'], leader_epoch: ['raised with each new leadership', '리더가 바뀔 때마다 커진다'], isr: ['brokers whose replicas are in sync', '동기화된 복제본의 브로커'], controller_epoch: ['the controller that wrote it', '쓴 컨트롤러의 에포크'],
  endpoints: ['where clients and brokers reach it', '클라이언트와 브로커가 접속하는 주소'], listener_security_protocol_map: ['protocol of each listener', '리스너별 보안 프로토콜'], jmx_port: ['port of JMX, -1 for none', 'JMX 포트, 없으면 -1'], host: ['host of the plaintext listener, for old clients', '옛 클라이언트를 위한 호스트'], port: ['its port', '그 포트'], rack: ['rack', '랙'],
  partitions: ['replicas of each partition, the preferred leader first', '파티션별 복제본, 첫째가 선호 리더'], adding_replicas: ['replicas that a reassignment adds', '재배치로 더해지는 복제본'], removing_replicas: ['replicas that a reassignment takes away', '재배치로 없어지는 복제본'], config: ['settings that differ from the defaults', '기본값과 다른 설정'], id: ['id of the cluster', '클러스터 ID'],
  broker: ['the broker that holds the block', '블록을 가진 브로커'], block_start: ['first producer id of the block', '블록의 첫 프로듀서 ID'], block_end: ['last producer id of the block', '블록의 마지막 프로듀서 ID'], features: ['features', '기능'],
};
let lang = localStorage.getItem('momus.lang') || (navigator.language.startsWith('ko') ? 'ko' : 'en');
export const language = () => lang;
export function setLanguage(l) { lang = l; localStorage.setItem('momus.lang', l); document.documentElement.lang = l; }
export const t = (key, n) => {
  const s = (texts[key] || [key, key])[lang === 'ko' ? 1 : 0];
  return n === undefined ? s : s.replace('{n}', n);
};
export const inLang = pair => pair[lang === 'ko' ? 1 : 0];
document.documentElement.lang = lang;
