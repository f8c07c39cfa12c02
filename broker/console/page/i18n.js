// The texts of the page, in both languages side by side.
const texts = {
  cluster: ['Cluster', '클러스터'], groups: ['Groups', '그룹'], zookeeper: ['ZooKeeper', 'ZooKeeper'], transactions: ['Transactions', '트랜잭션'],
  configs: ['Configs', '설정'], quotas: ['Quotas', '쿼터'], quotasAndRights: ['Quotas and rights', '쿼터와 권한'], health: ['Health', '상태 점검'], partition: ['Partition', '파티션'],
  skip: ['Skip to content', '본문으로 건너뛰기'], views: ['Views', '화면'], language: ['Language', '언어'], theme: ['Colours', '색'],
  themeAuto: ['as the system', '시스템 설정'], themeLight: ['light', '밝게'], themeDark: ['dark', '어둡게'],
  lost: ['The connection to the broker is lost; trying again.', '브로커와 연결이 끊겼습니다. 다시 시도합니다.'],
  broker: ['Broker', '브로커'], controller: ['controller', '컨트롤러'], gone: ['gone', '없음'], unregistered: ['not registered', '등록 안 됨'], effect: ['what that means', '결과'], noFigures: ['seen from outside', '밖에서 본 모습'],
  leads: ['leads', '리더'], holds: ['replicas', '복제본'], records: ['{n} records/s', '초당 레코드 {n}개'], bytes: ['B/s', 'B/초'], dirFailed: ['a log directory has failed', '로그 디렉터리 고장'],
  leader: ['leader', '리더'], insync: ['in sync', 'ISR'], lagging: ['out of sync', '뒤처짐'], offline: ['offline', '오프라인'], legend: ['What the chips mean', '칩의 뜻'],
  filter: ['Filter topics', '토픽 거르기'], internal: ['internal topics', '내부 토픽'], more: ['{n} more: filter to see them', '{n}개 더: 걸러서 보기'], topics: ['{n} topics', '토픽 {n}개'], oneTopic: ['{n} topic', '토픽 {n}개'],
  journal: ['Journal', '저널'], journalHelp: ['Each entry lights up what it touched.', '항목을 가리키면 관련된 것이 밝아집니다.'], noEntries: ['Nothing has happened yet.', '아직 아무 일도 없습니다.'],
  time: ['Go back in time', '시간 되돌리기'], live: ['live', '현재'], back: ['back to now', '현재로'], because: ['because', '원인:'], kinds: ['Show', '보기'], all: ['everything', '모두'],
  stop: ['Stop', '멈추기'], start: ['Start', '시작'], stopBroker: ['Stop broker {n}', '{n}번 브로커 멈추기'], startBroker: ['Start broker {n}', '{n}번 브로커 시작'],
  throughput: ['Records a second, last two minutes', '초당 레코드 수, 최근 2분'], total: ['all brokers: {n} records/s', '모든 브로커: 초당 {n}개'],
  segments: ['Segments on disk', '디스크의 세그먼트'], segment: ['segment', '세그먼트'], active: ['active', '활성'], index: ['index', '인덱스'], offsets: ['Offsets of every replica', '복제본별 오프셋'],
  start_: ['log start', '로그 시작'], stable: ['last stable', '마지막 안정'], committed: ['high watermark', '하이 워터마크'], end: ['log end', '로그 끝'], size: ['size', '크기'], directory: ['directory', '디렉터리'],
  behind: ['behind', '뒤처짐'], cut: ['Not all records of this batch are shown.', '이 배치의 레코드를 모두 보여 주지는 않습니다.'], batches: ['Batches and records', '배치와 레코드'], from: ['from offset', '오프셋부터'], latest: ['latest', '최근'], key: ['key', '키'], value: ['value', '값'], headers: ['headers', '헤더'],
  codec: ['codec', '압축'], producer: ['producer', '프로듀서'], sequence: ['sequence', '순번'], transactional: ['transactional', '트랜잭션'], marker: ['marker', '마커'], showInternal: ['Show records of this internal topic', '이 내부 토픽의 레코드 보기'],
  noPartition: ['There is no partition {n}.', '{n} 파티션이 없습니다.'], noReplica: ['No broker that this page sees from inside has a replica.', '이 페이지가 안에서 보는 브로커에는 복제본이 없습니다.'], none: ['none', '없음'], null_: ['null', 'null'], role: ['role', '역할'], follower: ['follower', '팔로워'],
  state: ['state', '상태'], members: ['members', '멤버'], member: ['member', '멤버'], lag: ['lag', '랙'], coordinator: ['coordinator', '코디네이터'], client: ['client', '클라이언트'], host: ['host', '호스트'], partitions: ['partitions', '파티션'], noGroups: ['There are no groups.', '그룹이 없습니다.'], machine: ['Where the group stands', '그룹의 현재 상태'], offset: ['committed', '커밋'], static_: ['static member', '고정 멤버'], recent: ['Last events', '최근 사건'],
  id: ['transactional id', '트랜잭션 ID'], open: ['open for', '열린 시간'], timeout: ['time-out', '제한 시간'], epoch: ['epoch', '에포크'], transactionsUnseen: ['Brokers of Kafka 2.5 do not tell about their transactions, so that nothing can be seen from outside.', 'Kafka 2.5 브로커는 트랜잭션을 알려 주지 않아 밖에서는 볼 수 없습니다.'], noTransactions: ['There are no transactional ids.', '트랜잭션 ID가 없습니다.'],
  source: ['from', '출처'], default_: ['default', '기본값'], change: ['a change needs', '바꾸려면'], meaning: ['meaning', '뜻'], hidden: ['(hidden)', '(숨김)'], search: ['Search', '검색'], ofBroker: ['of broker {n}', '{n}번 브로커'], ofTopic: ['of topic {n}', '{n} 토픽'], onlySet: ['only what is set', '설정된 것만'],
  'source:default': ['default', '기본값'], 'source:file': ['file', '파일'], 'source:all brokers': ['all brokers', '모든 브로커'], 'source:this broker': ['this broker', '이 브로커'], 'source:topic': ['topic', '토픽'],
  'change:restart': ['a restart', '다시 시작'], 'change:dynamic': ['nothing: at once', '바로 적용'],
  resource: ['quota', '쿼터'], user: ['user', '사용자'], use: ['use', '사용량'], throttled: ['throttled', '늦춤'], noQuotas: ['No client has a quota.', '쿼터가 있는 클라이언트가 없습니다.'],
  healthy: ['Nothing to complain about.', '문제가 없습니다.'], subject: ['subject', '대상'], finding: ['finding', '내용'], severity: ['severity', '정도'], error: ['error', '오류'], warning: ['warning', '주의'],
  alike: ['{n} partitions', '파티션 {n}개'],
  'f:noController': ['there is no controller', '컨트롤러가 없습니다'], 'f:brokerGone': ['is not registered in ZooKeeper', 'ZooKeeper에 등록되어 있지 않습니다'], 'f:dirFailed': ['a log directory has failed', '로그 디렉터리가 고장 났습니다'],
  'f:noLeader': ['has no leader: nobody can write or read', '리더가 없어 쓰거나 읽을 수 없습니다'], 'f:underReplicated': ['has fewer replicas in sync than it should', 'ISR이 복제본 수보다 적습니다'], 'f:notPreferred': ['is not led by its preferred replica', '선호 복제본이 리더가 아닙니다'],
  'f:oneReplica': ['has a single replica: its broker must not fail', '복제본이 하나뿐입니다'], 'f:longTransaction': ['has been open for more than half of its time-out', '제한 시간의 절반 넘게 열려 있습니다'], 'f:noZooKeeper': ['is not connected to ZooKeeper', 'ZooKeeper에 연결되어 있지 않습니다'],
  tree: ['Tree', '트리'], node: ['Node', '노드'], versions: ['versions: value / children / ACL', '버전: 값 / 자식 / ACL'], moreNodes: ['{n} more', '{n}개 더'], noNode: ['There is no such znode.', '그런 znode가 없습니다.'], nodeGone: ['This znode is gone. This is how it was last:', '이 znode는 사라졌습니다. 마지막 모습입니다.'], created: ['created', '생성'], changed: ['changed', '변경'], owner: ['owner session', '소유 세션'], children: ['children', '자식'], length: ['bytes', '바이트'], empty: ['no value', '값 없음'], ownSession: ['the session of the broker that is asked', '지금 묻는 브로커의 세션'], fields: ['What the fields mean', '필드의 뜻'], secretNode: ['may hold credentials: not shown', '자격 증명이 있을 수 있어 보여 주지 않습니다'],
  kill: ['Kill', '죽이기'], killBroker: ['Kill broker {n}', '{n}번 브로커 죽이기'], pause: ['Pause', '일시 정지'], pauseBroker: ['Pause broker {n}', '{n}번 브로커 일시 정지'], resume: ['Resume', '다시 움직이기'], resumeBroker: ['Resume broker {n}', '{n}번 브로커 다시 움직이기'],
  cutZooKeeper: ['Cut off from ZooKeeper', 'ZooKeeper와 끊기'], mendZooKeeper: ['Reconnect to ZooKeeper', 'ZooKeeper와 다시 잇기'], cutPeers: ['Cut off from the other brokers', '다른 브로커와 끊기'], mendPeers: ['Reconnect to the other brokers', '다른 브로커와 다시 잇기'],
  slow: ['Slow its replication down', '복제를 느리게'], fast: ['Let it replicate at full speed', '복제를 제 속도로'], fillDisk: ['Fill its disk', '디스크 채우기'], freeDisk: ['Free its disk', '디스크 비우기'], endSession: ['End its ZooKeeper session', 'ZooKeeper 세션 끝내기'],
  breakIt: ['Break it', '고장 내기'], breakBroker: ['Break it: broker {n}', '고장 내기: {n}번 브로커'],
  'state:starting': ['starting', '시작하는 중'], 'state:stopping': ['stopping', '멈추는 중'], 'state:stopped': ['stopped', '멈춤'], 'state:killed': ['killed', '죽음'], 'state:failed': ['failed', '실패'],
  'is:paused': ['paused', '일시 정지됨'], 'is:cutZooKeeper': ['cut off from ZooKeeper', 'ZooKeeper와 끊김'], 'is:cutPeers': ['cut off from the others', '다른 브로커와 끊김'], 'is:slow': ['replicates slowly', '느린 복제'], 'is:full': ['disk full', '디스크 꽉 참'],
  sessionIn: ['ZooKeeper does not know yet: its session ends in {n} s.', 'ZooKeeper는 아직 모릅니다. {n}초 뒤에 세션이 끝납니다.'],
  machines: ['Producers and consumers', '프로듀서와 컨슈머'], noMachines: ['None yet. Start one: the records are real.', '아직 없습니다. 하나 시작해 보세요. 레코드는 진짜입니다.'], kindOf: ['kind', '종류'], 'kind:producer': ['producer', '프로듀서'], 'kind:consumer': ['consumer', '컨슈머'],
  topic: ['topic', '토픽'], group: ['group', '그룹'], rate: ['records a second', '초당 레코드'], atMost: ['at most, a second (0: no limit)', '초당 최대 (0: 제한 없음)'], acks: ['acks', 'acks'], keys: ['different keys (0: none)', '키 가짓수 (0: 없음)'], bytesEach: ['bytes each', '레코드 크기'],
  inTransactions: ['in transactions', '트랜잭션으로'], readCommitted: ['read_committed', 'read_committed'], startMachine: ['Start it', '시작하기'], stopMachine: ['Stop {n}', '{n} 멈추기'], killMachine: ['Kill {n}', '{n} 죽이기'], perSecond: ['{n} a second', '초당 {n}개'], inAll: ['{n} in all', '누적 {n}개'], failures: ['{n} failed', '실패 {n}개'], latency: ['answer after', '응답까지'],
  addMachine: ['Start a producer or a consumer', '프로듀서나 컨슈머 시작하기'], newTopic: ['Create a topic', '토픽 만들기'], name: ['name', '이름'], create: ['Create', '만들기'], replicas: ['replicas', '복제본 수'],
  send: ['Send a record', '레코드 보내기'], sendIt: ['Send', '보내기'], byKey: ['by its key', '키에 따라'], sent: ['Records on their way', '레코드가 가는 길'], noValue: ['null (a tombstone)', 'null (삭제 표시)'],
  'stage:sent': ['sent by the page', '페이지가 보냄'], 'stage:appended': ['appended by the leader, broker {n}', '리더 {n}번 브로커가 로그에 씀'], 'stage:fetched': ['fetched by broker {n}', '{n}번 브로커가 가져감'], 'stage:committed': ['the high watermark has passed it', '하이 워터마크가 지나감'], 'stage:acked': ['acknowledged to the producer', '프로듀서가 확인을 받음'], 'stage:unasked': ['done for the producer, which asks for no answer', '프로듀서는 확인을 기다리지 않음'], 'stage:read': ['read by {n}', '읽은 컨슈머: {n}'], 'stage:offset': ['its offset is committed by group {n}', '{n} 그룹이 오프셋을 커밋함'],
  waits: ['waits', '기다리는 중'], sentTo: ['to {n}', '→ {n}'],
  reset: ['Reset offsets', '오프셋 재설정'], resetOf: ['Reset offsets of {n}', '{n} 그룹의 오프셋 재설정'], to: ['to', '위치'], 'to:earliest': ['the earliest', '처음'], 'to:latest': ['the latest', '끝'], 'to:offset': ['an offset', '오프셋'], 'to:shift': ['shifted by', '이동'], 'to:time': ['a time', '시각'], preview: ['Preview', '미리 보기'], apply: ['Apply', '적용하기'], allTopics: ['all its topics', '모든 토픽'], now: ['now', '현재'], then: ['then', '이후'], applied: ['Done.', '바꿨습니다.'], mustBeEmpty: ['Only while the group has no members; it is {n}.', '멤버가 없을 때만 됩니다. 지금 상태: {n}'], again: ['records are read again', '다시 읽을 레코드'], skipped: ['records are skipped', '건너뛸 레코드'], nothingToReset: ['It has no offsets there.', '해당하는 오프셋이 없습니다.'],
  rebalances: ['Last rebalances', '최근 리밸런스'], when: ['when', '언제'], why: ['why', '이유'], took: ['took', '걸린 시간'], running: ['still going on', '진행 중'],
  watches: ['Watches', '와치'], 'watch:data': ['its data and existence', '데이터와 존재'], 'watch:children': ['its children', '자식'], nobodyWatches: ['Nobody watches it.', '보고 있는 세션이 없습니다.'], session: ['session', '세션'], sessions: ['Sessions of the brokers', '브로커의 세션'], watchesUnknown: ['This coordination server does not tell who watches.', '이 서버는 누가 보고 있는지 알려 주지 않습니다.'],
  limits: ['Quotas that are set', '정해진 쿼터'], limitsUnseen: ['Quotas are in ZooKeeper: they are shown only with --zookeeper.', '쿼터는 ZooKeeper에 있어 --zookeeper를 주어야 보입니다.'], usesUnseen: ['How much clients use cannot be seen from outside.', '사용량은 밖에서 볼 수 없습니다.'], noLimits: ['No quota is set.', '정해진 쿼터가 없습니다.'], uses: ['Who uses how much', '사용량'], everyoneElse: ['(default)', '(기본)'], anyOne: ['–', '–'],
  rights: ['Rights of a user', '사용자의 권한'], noAuthorizer: ['There is no access control: everybody may do everything. (authorizer.class.name is not set.)', '접근 제어가 없어 누구나 무엇이든 할 수 있습니다. (authorizer.class.name 미설정)'], resource_: ['resource', '자원'], 'may:allow': ['allowed', '허용'], 'may:deny': ['denied', '거부'], 'may:super': ['allowed: super user', '허용: super user'], 'may:some': ['allowed from some hosts only', '일부 호스트에서만 허용'], fromHost: ['From host', '호스트'], anyHost: ['any', '아무 곳'], 'may:none': ['not allowed', '허용 없음'], noRights: ['No resource has ACLs.', 'ACL이 있는 자원이 없습니다.'], chooseUser: ['User', '사용자'], otherUser: ['Another user', '다른 사용자'],
  'change:broker': ['at once, for each broker by itself', '바로 적용, 브로커마다 따로'], 'change:cluster': ['at once, for one broker or for all', '바로 적용, 한 브로커나 전체'], 'change:topic': ['at once', '바로 적용'], howTo: ['How', '방법'],
  viewer: ['Show bytes as', '바이트 표시'], 'viewer:auto': ['what they are', '자동'], 'viewer:text': ['text', '텍스트'], 'viewer:json': ['JSON', 'JSON'], 'viewer:hex': ['hex', '16진수'], showFrom: ['show from offset {n}', '오프셋 {n}부터 보기'], decoded: ['decoded', '해석됨'],
  zombie: ['believes to lead', '리더라고 믿음'], openTransaction: ['open', '열림'],
  doctor: ['What momus doctor finds', 'momus doctor가 찾은 것'], nothingFound: ['Its rules find nothing.', '규칙에 걸리는 것이 없습니다.'], advice: ['advice', '조언'], critical: ['critical', '심각'], cure: ['What to do', '할 일'], doctorMore: ['These are the rules that can look from inside; the command momus doctor looks at more.', '안에서 볼 수 있는 규칙만 봅니다. momus doctor 명령은 더 많이 살핍니다.'],
  dismiss: ['Dismiss', '닫기'], noToken: ['To play with the cluster, open this page at the address that momus quickstart printed: this tab may only look.', '클러스터를 조작하려면 momus quickstart가 출력한 주소로 여세요. 이 탭에서는 보기만 할 수 있습니다.'],
  failed: ['That did not work: {n}', '되지 않았습니다: {n}'], loading: ['Looking…', '불러오는 중…'],
};
// What the fields of Kafka's znodes mean.
export const znodeFields = {
  version: ['format of this node', '이 노드의 형식'], brokerid: ['the broker that is controller', '컨트롤러인 브로커'], timestamp: ['when it was written, ms since 1970', '쓴 시각 (1970년부터 ms)'],
  leader: ['the broker that leads the partition, -1 for none', '파티션의 리더 브로커, 없으면 -1'], leader_epoch: ['raised with each new leadership', '리더가 바뀔 때마다 커집니다'], isr: ['brokers whose replicas are in sync', '동기화된 복제본의 브로커'], controller_epoch: ['the controller that wrote it', '쓴 컨트롤러의 에포크'],
  endpoints: ['where clients and brokers reach it', '클라이언트와 브로커가 접속하는 주소'], listener_security_protocol_map: ['protocol of each listener', '리스너별 보안 프로토콜'], jmx_port: ['port of JMX, -1 for none', 'JMX 포트, 없으면 -1'], host: ['host of the plaintext listener, for old clients', '옛 클라이언트를 위한 호스트'], port: ['its port', '그 포트'], rack: ['rack', '랙'],
  partitions: ['replicas of each partition, the preferred leader first', '파티션별 복제본, 첫째가 선호 리더'], adding_replicas: ['replicas that a reassignment adds', '재배치로 더해지는 복제본'], removing_replicas: ['replicas that a reassignment takes away', '재배치로 없어지는 복제본'], config: ['settings that differ from the defaults', '기본값과 다른 설정'], id: ['id of the cluster', '클러스터 ID'],
  broker: ['the broker that it is about', '관련된 브로커'], entity_path: ['whose configs have changed', '설정이 바뀐 대상'], acls: ['the rules of this resource', '이 자원의 규칙'], block_start: ['first producer id of the block', '블록의 첫 프로듀서 ID'], block_end: ['last producer id of the block', '블록의 마지막 프로듀서 ID'], features: ['features', '기능'],
};
const asked = new URLSearchParams(location.search).get('lang'); // by who printed the address
if (asked === 'en' || asked === 'ko') localStorage.setItem('momus.lang', asked);
let lang = localStorage.getItem('momus.lang') || (navigator.language.startsWith('ko') ? 'ko' : 'en');
export const language = () => lang;
export function setLanguage(l) { lang = l; localStorage.setItem('momus.lang', l); document.documentElement.lang = l; }
export const t = (key, n) => {
  const s = (texts[key] || [key, key])[lang === 'ko' ? 1 : 0];
  return n === undefined ? s : s.replace('{n}', () => n); // a name may have a $ in it
};
export const inLang = pair => pair[lang === 'ko' ? 1 : 0];
document.documentElement.lang = lang;
