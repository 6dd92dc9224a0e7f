import catalog from '../catalog/zh.json';
import connections from '../connections/zh.json';
import overview from '../overview/zh.json';
import pipelines from '../pipelines/zh.json';
import query from '../query/zh.json';
import resources from '../resources/zh.json';
import security from '../security/zh.json';
import services from '../services/zh.json';
import system from '../system/zh.json';
import ui from '../ui/zh.json';
import app from './zh.json';

/** All sentences of this language. */
export default {
  ...app,
  ...ui,
  ...overview,
  ...catalog,
  ...query,
  ...connections,
  ...pipelines,
  ...services,
  ...security,
  ...resources,
  ...system,
};
